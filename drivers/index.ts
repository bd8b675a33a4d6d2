/** Drivers: everything that touches the world. Sensors give events or samples, actuators take what the guard allowed. */

import { anyOptions } from "../src/stage.ts";
import cartPole from "./cart-pole.ts";
import dryRun from "./dry-run.ts";
import dynamixel from "./dynamixel.ts";
import edvs from "./edvs.ts";
import edvsMotor from "./edvs-motor.ts";
import feetech from "./feetech.ts";
import file from "./file.ts";
import firmataServo from "./firmata-servo.ts";
import genx320 from "./genx320.ts";
import grbl from "./grbl.ts";
import lineTemplate from "./line-template.ts";
import lss from "./lss.ts";
import lx16a from "./lx-16a.ts";
import microphone from "./microphone.ts";
import mqtt from "./mqtt.ts";
import mqttAudio from "./mqtt-audio.ts";
import mqttDetections from "./mqtt-detections.ts";
import mqttEvents from "./mqtt-events.ts";
import mqttEventsSend from "./mqtt-events-send.ts";
import mqttSet from "./mqtt-set.ts";
import mqttTelemetry from "./mqtt-telemetry.ts";
import pacemaker from "./pacemaker.ts";
import pololuMaestro from "./pololu-maestro.ts";
import readBack from "./read-back.ts";
import recording from "./recording.ts";
import recordingImu from "./recording-imu.ts";
import recordingTriggers from "./recording-triggers.ts";
import serialLine from "./serial-line.ts";
import series from "./series.ts";
import stdin from "./stdin.ts";
import synthetic from "./synthetic.ts";
import tcp from "./tcp.ts";
import tcpSend from "./tcp-send.ts";
import udp from "./udp.ts";
import udpSend from "./udp-send.ts";
import video from "./video.ts";
import view from "./view.ts";
import wav from "./wav.ts";

export {
  cartPole,
  dryRun,
  dynamixel,
  edvs,
  edvsMotor,
  feetech,
  file,
  firmataServo,
  genx320,
  grbl,
  lineTemplate,
  lss,
  lx16a,
  microphone,
  mqtt,
  mqttAudio,
  mqttDetections,
  mqttEvents,
  mqttEventsSend,
  mqttSet,
  mqttTelemetry,
  pacemaker,
  pololuMaestro,
  readBack,
  recording,
  recordingImu,
  recordingTriggers,
  serialLine,
  series,
  stdin,
  synthetic,
  tcp,
  tcpSend,
  udp,
  udpSend,
  video,
  view,
  wav,
};

/** All of them, for the catalog. */
export const drivers = [
  anyOptions(cartPole),
  anyOptions(dryRun),
  anyOptions(dynamixel),
  anyOptions(edvs),
  anyOptions(edvsMotor),
  anyOptions(feetech),
  anyOptions(file),
  anyOptions(firmataServo),
  anyOptions(genx320),
  anyOptions(grbl),
  anyOptions(lineTemplate),
  anyOptions(lss),
  anyOptions(lx16a),
  anyOptions(microphone),
  anyOptions(mqtt),
  anyOptions(mqttAudio),
  anyOptions(mqttDetections),
  anyOptions(mqttEvents),
  anyOptions(mqttEventsSend),
  anyOptions(mqttSet),
  anyOptions(mqttTelemetry),
  anyOptions(pacemaker),
  anyOptions(pololuMaestro),
  anyOptions(readBack),
  anyOptions(recording),
  anyOptions(recordingImu),
  anyOptions(recordingTriggers),
  anyOptions(serialLine),
  anyOptions(series),
  anyOptions(stdin),
  anyOptions(synthetic),
  anyOptions(tcp),
  anyOptions(tcpSend),
  anyOptions(udp),
  anyOptions(udpSend),
  anyOptions(video),
  anyOptions(view),
  anyOptions(wav),
];
