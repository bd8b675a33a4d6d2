#!/usr/bin/env node
/** The command line: one verb a file, each loaded when it runs. */

import { readFileSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import { ReflexarcError } from "../errors.ts";
import { reportError } from "./report.ts";

const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const program = new Command("reflexarc")
  .description("Address-events in, a spiking network on a simulated neuromorphic chip, motor commands out.")
  .version(version)
  .showSuggestionAfterError()
  .showHelpAfterError("Run `reflexarc --help` for the verbs.")
  .exitOverride();

const json = () => new Option("--json", "print one JSON object and nothing else");
const filter = () =>
  new Option("--filter <name,key=value>", "a filter on the way; may be given often, and they run in order")
    .argParser((value: string, before: string[] | undefined) => [...(before ?? []), value])
    .default([] as string[], "none");
const set = () =>
  new Option("--set <stage.key=value>", "override one value of the document; may be given often")
    .argParser((value: string, before: string[] | undefined) => [...(before ?? []), value])
    .default([] as string[], "none");

program
  .command("run")
  .description("run a pipeline document; dry unless --live")
  .argument("<document>", "a pipeline document (YAML)")
  .option(
    "--speed <factor>",
    "recorded seconds for each second of the wall: 1, 0.5, or max; max, or 1 with --live",
  )
  .option("--live", "open the real actuators; they stay disarmed without --arm")
  .option("--arm", "arm the real actuators at the start; only with --live")
  .option("--control <[host:]port>", "listen for HTTP: POST /arm, /disarm, /stop, /reset, GET /status")
  .option("--stop-file <path>", "while this file is there, everything is stopped and nothing can be armed")
  .option("--picture <file>", "draw what each simulated servo was told and did, as an SVG; only dry")
  .option("--strict", "end the run at a repair or a loss, and leave no output behind")
  .option(
    "--learned <file>",
    "write what the document's network has learnt at the end; a core's option learned reads it",
  )
  .addOption(set())
  .option("--trace <file>", "write what every stage said as JSON lines, for `verify`")
  .addOption(
    new Option("--trace-detail <detail>", "how packets are written")
      .choices(["digest", "list"])
      .default("digest"),
  )
  .option(
    "--ledger <file>",
    "write what the network cost, by a chip's model, as JSON; on the chip generic where none is named",
  )
  .addOption(json())
  .action(async (document, options) => (await import("./run.ts")).run(document, options, version));

program
  .command("arm")
  .description("arm a live run that is disarmed")
  .argument("[actuator]", "only this one; all by default")
  .option("--run <pid>", "the run with this process id, where there are several")
  .option("--control <url>", "the run at this address; its token is taken from REFLEXARC_TOKEN")
  .option("--reset", "first end an emergency stop")
  .addOption(json())
  .action(async (actuator, options) => (await import("./arm.ts")).arm(actuator, options));

program
  .command("stop")
  .description("emergency-stop every live run of yours, or one")
  .option("--run <pid>", "only the run with this process id")
  .option("--control <url>", "the run at this address")
  .addOption(json())
  .action(async (options) => (await import("./stop.ts")).stop(options));

program
  .command("jog")
  .description("move one actuator of a document with the keys, through its guard; dry unless --live")
  .argument("<document>", "a pipeline document (YAML)")
  .argument("[actuator]", "which one, where there are several")
  .option("--live", "open the real actuator; it stays disarmed until the key a")
  .option("--step <size>", "what an arrow key changes; 1 degree or 10 us by default")
  .addOption(set())
  .action(async (document, actuator, options) => (await import("./jog.ts")).jog(document, actuator, options));

program
  .command("calibrate")
  .description("find the ends and the centre of an actuator with the keys, and write them into its document")
  .argument("<document>", "a pipeline document (YAML)")
  .argument("[actuator]", "which one, where there are several")
  .option("--live", "open the real actuator; it stays disarmed until the key a")
  .option("--range <min,max>", "how far it may go meanwhile; the document's limits by default")
  .option("--step <size>", "what an arrow key changes; 1 degree or 10 us by default")
  .addOption(set())
  .action(async (document, actuator, options) =>
    (await import("./calibrate.ts")).calibrate(document, actuator, options),
  );

program
  .command("devices")
  .description("list serial ports: what is plugged in, by which id it is opened, who holds it")
  .addOption(
    new Option(
      "--probe <protocol>",
      "ask what is there, without moving anything; opening a port may restart a board",
    )
      .argParser((value: string, before: string[] | undefined) => [...(before ?? []), value])
      .default([] as string[], "none"),
  )
  .option("--port <path>", "only this one")
  .option("--baud <rate>", "speed of the line for --probe; the protocol's usual one by default")
  .addOption(json())
  .action(async (options) => (await import("./devices.ts")).devices(options));

program
  .command("doctor")
  .description("say what a live run would miss on this machine, and the remedy")
  .option("--broker <url>", "the MQTT broker to look for", "mqtt://127.0.0.1:1883")
  .addOption(json())
  .action(async (options) => (await import("./doctor.ts")).doctor(options));

const filters = (what: string) =>
  new Option(`--${what} <filter>`, `with --add: topics that it may ${what} to; may be given often`)
    .argParser((value: string, before: string[] | undefined) => [...(before ?? []), value])
    .default([] as string[], "none");

program
  .command("broker")
  .description("run the MQTT broker alone; for this machine only, unless it is told otherwise")
  .option("--host <address>", "where it listens: 127.0.0.1, or an address that others reach", "127.0.0.1")
  .option("--port <number>", "TCP port, 0 for any free one; 1883 by default, 8883 with TLS")
  .option("--users <file>", "who may use it, and for what; without one only programs of this machine may")
  .option("--cert <file>", "TLS: the broker's certificate (PEM)")
  .option("--key <file>", "TLS: the key of the certificate (PEM)")
  .option("--add <name>", "add a user to the file, or change it; the password is the first line of the input")
  .addOption(filters("publish"))
  .addOption(filters("subscribe"))
  .addOption(json())
  .action(async (options) => (await import("./broker.ts")).broker(options));

program
  .command("demo")
  .description("play a bundled pipeline: follow, goalie, dodge, digit or cart-pole")
  .argument("[name]", "which one", "follow")
  .addOption(set())
  .addOption(json())
  .action(async (name, options) => (await import("./demo.ts")).demo(name, options, version));

program
  .command("check")
  .description("say what is wrong in a document, without running it")
  .argument("<document>", "a pipeline document (YAML)")
  .addOption(set())
  .addOption(json())
  .action(async (document, options) => (await import("./check.ts")).check(document, options));

program
  .command("info")
  .description("say what is in recordings")
  .argument("<file...>", "recordings")
  .option("--format <name>", "read it as this format, whatever its bytes say")
  .option("--geometry <WxH>", "the sensor's size, where the file doesn't tell it")
  .option("--chip <name>", "AEDAT 2: the chip, where the header doesn't name it")
  .addOption(json())
  .action(async (files, options) => (await import("./info.ts")).info(files, options));

program
  .command("denoise-score")
  .description(
    "tell how well a filter drops noise that is added to a recording: its ROC and the area under it",
  )
  .argument("<file>", "a recording, all of which counts as signal")
  .option("--denoiser <name>", "the filter", "background-activity")
  .option(
    "--sweep <option=values>",
    "the option to vary, and its values",
    "windowUs=200,500,1000,2000,5000,10000,20000,50000,100000",
  )
  .addOption(
    new Option("--set <option=value>", "another option of the filter; may be given often")
      .argParser((value: string, before: string[] | undefined) => [...(before ?? []), value])
      .default([] as string[], "none"),
  )
  .option("--noise-hz <rate>", "events of noise a second for each pixel (Poisson)", "5")
  .option("--seed <number>", "seed of the noise", "1")
  .option("--format <name>", "read the recording as this format, whatever its bytes say")
  .option("--geometry <WxH>", "the sensor's size, where the file doesn't tell it")
  .option("--chip <name>", "AEDAT 2: the chip, where the header doesn't name it")
  .option("--svg <file>", "draw the curve")
  .addOption(json())
  .action(async (file, options) => (await import("./denoise-score.ts")).denoiseScore(file, options));

program
  .command("convert")
  .description("write recordings as one recording, in another format or with filters on the way")
  .argument("<file...>", "recordings, merged by time when there are several; the last one is written")
  .option("--format <name>", "the format to write; told by the extension by default")
  .option("--compression <name>", "AEDAT 4: none, lz4, lz4_high, zstd or zstd_high")
  .option("--input-format <name>", "read the inputs as this format, whatever their bytes say")
  .option("--geometry <WxH>", "the sensor's size, where the inputs don't tell it")
  .option("--chip <name>", "AEDAT 2: the chip")
  .addOption(filter())
  .option("--from <time>", "begin so long after the first event: 2s, 250ms")
  .option("--to <time>", "end so long after the first event")
  .option("--split-every <time>", "a numbered file for each span of this length")
  .option("--split-labels <file>", "a file for each window of a CSV with class, startTime_usec, endTime_usec")
  .option("--force", "replace a file that exists")
  .option("--strict", "refuse what would be repaired or left out, and write nothing")
  .addOption(json())
  .action(async (files, options) => (await import("./convert.ts")).convert(files, options));

program
  .command("view")
  .description("draw a recording: frames, a time surface, the rate of events, a spectrogram")
  .argument("<file>", "a recording")
  .requiredOption("--png <file>", "the picture to write; frames make it an animated PNG, which browsers play")
  .option("--kind <kind>", "frames, surface, rate or spectrogram; frames by default")
  .option("--every <time>", "recorded time of a frame; 33 ms by default")
  .option("--frames-max <count>", "most frames; 300 by default")
  .option("--speed <factor>", "recorded time for each time that is shown: 0.1 is slow motion")
  .option("--scale <count>", "sides of a pixel in the picture")
  .option("--tau <time>", "surface: an event fades to 37 % in this time; 50 ms by default")
  .option("--region <x,y,WxH>", "only the events of a region")
  .option("--sample <time>", "spectrogram: half of its inverse is the highest frequency; 500us by default")
  .option("--samples <count>", "spectrogram: samples of one transform; 256 by default")
  .option("--from <time>", "begin so long after the first event: 2s, 250ms")
  .option("--to <time>", "end so long after the first event")
  .addOption(filter())
  .option("--format <name>", "read it as this format, whatever its bytes say")
  .option("--geometry <WxH>", "the sensor's size, where the file doesn't tell it")
  .option("--chip <name>", "AEDAT 2: the chip, where the header doesn't name it")
  .option("--force", "replace a picture that exists")
  .addOption(json())
  .action(async (file, options) => (await import("./view.ts")).view(file, options));

program
  .command("diff")
  .description("tell the first event in which two recordings differ")
  .argument("<a>", "a recording")
  .argument("<b>", "another one, of any format")
  .option("--geometry <WxH>", "the sensor's size, where a file doesn't tell it")
  .addOption(json())
  .action(async (a, b, options) => (await import("./diff.ts")).diff(a, b, options));

program
  .command("solve")
  .description("find a good assignment of a problem, with noise on a network that needs no training")
  .argument("<file>", "a QUBO (qbsolv, QPLIB), max-cut (rudy), colouring (DIMACS) or tour (TSPLIB)")
  .option("--seed <number>", "seed of the noise; the same seed gives the same answer", "1")
  .option("--restarts <number>", "independent runs, of which the best counts", "20")
  .option("--sweeps <number>", "of a run; each neuron has its turn once in a sweep", "1000")
  .option("--colours <number>", "that a colouring may use; by default what a greedy one (DSATUR) needs")
  .option("--chip <name>", "whose energies and times: a bundled chip, or a chip document", "generic")
  .addOption(json())
  .action(async (file, options) => (await import("./solve.ts")).solve(file, options));

program
  .command("input")
  .description("a pipeline in words: input file x.aedat4 filter crop --roi 10,10,64x64 output file y.raw")
  .usage("NAME [OPTIONS] [filter NAME [OPTIONS]]... [output NAME [OPTIONS]]...")
  .argument(
    "[words...]",
    "stages as `list` shows them; their options in kebab-case; --print-yaml shows the document",
  )
  .allowUnknownOption()
  .helpOption(false)
  .action(async () => (await import("./pipe.ts")).pipe(process.argv.slice(2)));

program
  .command("list")
  .description("list the stages and drivers that a document may use, or the options of one")
  .argument("[name]", "a stage or driver")
  .option(
    "--schema",
    "print the JSON Schema of a pipeline document, or with `network` that of a network document",
  )
  .option("--markdown", "print the list as a table in Markdown")
  .addOption(json())
  .action(async (name, options) => (await import("./list.ts")).list(name, options));

program
  .command("verify")
  .description("run again what a trace names, and tell the first difference")
  .argument("<trace>", "a file that `run --trace` wrote")
  .addOption(json())
  .action(async (trace, options) => (await import("./verify.ts")).verify(trace, options, version));

// Started by a live run, never by a user: it holds the ports and their guards.
program
  .command("guard", { hidden: true })
  .argument("<folder>")
  .action(async (folder) => (await import("./guard.ts")).guard(folder));

program
  .command("evaluate")
  .description(
    "tell how often a document is right on labelled recordings, what it misses and makes up in labelled streams, or what it is worth on NAB",
  )
  .argument(
    "<document>",
    "a pipeline document with one recording and a core, or a series and an anomaly detector",
  )
  .option("--data <folder>", "where the recordings lie")
  .option(
    "--labels <file>",
    "a CSV with the columns file and label; for streams also startUs and endUs, a row a labelled stretch",
  )
  .option("--nab <folder>", "score series laid out as NAB is: data/**.csv and combined_windows.json")
  .option(
    "--search <file>",
    "with --nab: choose among settings (YAML, stage.key: [values]) on half of the series, and tell what they are worth on the other half",
  )
  .option("--cuts <number>", "with --search: so many random halves besides", "10")
  .option("--seed <number>", "of random halves", "1")
  .option("--by <id>", "the stage that decides; the last network by default, in streams the last detector")
  .option("--threads <number>", "worker threads; the result is the same for any number", "1")
  .option("--limit <number>", "only the first recordings of the table")
  .option("--chip <name>", "whose energies: a bundled chip, or a chip document; the document's, or generic")
  .option("--confusion <file>", "draw which label was taken for which (SVG)")
  .option(
    "--targets <labels>",
    "streams: what should be told; the detector's own words by default, or all labels",
  )
  .option("--window-ms <time>", "streams: a detection counts until so long after a stretch's end", "300")
  .option("--sweep <option=values>", "streams: score the detector with other values of an option too")
  .option(
    "--det <file>",
    "streams: draw the sweep as a DET curve (SVG); of `evidence`, or an anomaly's `threshold`, by default",
  )
  .addOption(set())
  .addOption(json())
  .action(async (document, options) => (await import("./evaluate.ts")).evaluate(document, options));

program
  .command("expose")
  .description(
    "let a document's network learn from recordings without labels, and tell how well its neurons then know them",
  )
  .argument("<document>", "a pipeline document with one recording and a core whose network has plasticity")
  .requiredOption("--data <folder>", "where the recordings lie")
  .requiredOption("--labels <file>", "a CSV with the columns file and label; exposure doesn't look at labels")
  .option("--split <percents>", "of each label's samples: to expose, to assign neurons, to judge", "60/20/20")
  .option("--epochs <number>", "how often the samples are shown", "1")
  .option("--pause-ms <time>", "of silence after each sample", "150")
  .option("--seed <number>", "of the split and of the order; the document's by default")
  .option("--limit <number>", "only the first recordings of the table")
  .option("--png <file>", "draw each neuron's receptive field, under the label that it stands for")
  .option("--learned <file>", "write weights and thresholds, for the option learned of a core")
  .option("--force", "replace files that exist")
  .addOption(set())
  .addOption(json())
  .action(async (document, options) => (await import("./expose.ts")).expose(document, options));

program
  .command("teach")
  .description("take a span of a document's spikes as the pattern of its detector template")
  .argument("<document>", "a pipeline document with a recording, or with one named by --set")
  .requiredOption(
    "--from <time>",
    "where the example begins, so long after the recording's beginning: 2s, 250ms",
  )
  .requiredOption("--to <time>", "where it ends")
  .requiredOption("--out <file>", "the pattern to write, for the option pattern of template")
  .option(
    "--of <id>",
    "the stage whose spikes are taken, or the template to teach; the only template by default",
  )
  .option("--force", "replace a file that exists")
  .addOption(set())
  .addOption(json())
  .action(async (document, options) => (await import("./teach.ts")).teach(document, options));

program
  .command("train")
  .description("train a network on labelled recordings; writes NIR, or judges by cross-validation, or both")
  .argument(
    "<document>",
    "a training document (YAML): stages, network, training, and a rule unless it is back-propagation",
  )
  .requiredOption("--data <folder>", "where the recordings lie")
  .requiredOption(
    "--labels <file>",
    "a CSV with the columns file and label, and use where some rows are only to train or only to judge",
  )
  .option("--out <file>", "the network to write (.nir), trained on all samples, with its training record")
  .option(
    "--folds <number>",
    "cross-validation: train so many times, each time without the samples of one fold",
  )
  .option(
    "--by <column>",
    "cross-validation: each value of this column is a fold (leave one speaker out, in turn); empty: never left out",
  )
  .option("--fold <number>", "only this one of the folds")
  .option("--seed <number>", "of all that is random; by default the document's, or 1")
  .option("--threads <number>", "worker threads; the result is the same for any number", "2")
  .option("--limit <number>", "only the first recordings of the table")
  .option(
    "--checkpoint <file>",
    "where an interrupted training goes on from; beside --out by default, and removed at the end",
  )
  .addOption(json())
  .action(async (document, options) => (await import("./train.ts")).train(document, options, version));

program
  .command("datasets")
  .description(
    "list data sets, or bring one into a folder, taken up where it broke off and checked by its digest",
  )
  .argument("[name]", "n-mnist, speech-commands or spoken-digits")
  .option(
    "--from <address>",
    "a web address or a folder where its files lie, or FILE=ADDRESS for one of them; may be given again",
    (value: string, before: string[]) => [...before, value],
    [] as string[],
  )
  .option("--out <folder>", "where they go", "datasets")
  .addOption(json())
  .action(async (name, options) => (await import("./datasets.ts")).listOrFetch(name, options));

const net = program
  .command("net")
  .description("networks that others trained: look into them, convert them, run them");

net
  .command("info")
  .description("tell populations, projections, and what the file leaves open")
  .argument("<file>", "a network: .nir, .net, TENNLab's JSON or script, or a network document")
  .addOption(json())
  .action(async (file, options) => (await import("./net.ts")).netInfo(file, options));

net
  .command("convert")
  .description("write a network in the format that the output's name asks for")
  .argument("<in>", "a network of any format that `net info` reads")
  .argument("<out>", "what to write: .nir, or .json for TENNLab")
  .action(async (file, out) => (await import("./net.ts")).netConvert(file, out));

net
  .command("run")
  .description("run a network over an array of input, a row a step")
  .argument("<file>", "a network")
  .addOption(
    new Option("--engine <name>", "in steps, or exact between events")
      .choices(["stepped", "async"])
      .default("stepped"),
  )
  .option("--dt <seconds>", "length of a step; needed where the file has time constants and tells none")
  .addOption(new Option("--reset <rule>", "after a spike").choices(["zero", "subtract"]).default("zero"))
  .addOption(
    new Option("--threshold <rule>", "a spike needs v above it, or v at it")
      .choices(["strict", "reached"])
      .default("strict"),
  )
  .addOption(
    new Option("--spikes <number>", "of one neuron in one step").choices(["one", "many"]).default("one"),
  )
  .addOption(
    new Option("--precision <type>", "of the stepped engine's floats")
      .choices(["float32", "float64"])
      .default("float32"),
  )
  .option("--min-potential <value>", "no potential goes below it")
  .option("--input <file>", ".npy or .csv: steps x inputs, or samples x steps x inputs")
  .option("--bias <file>", ".npy or .csv: constants of the first layer, in place of the file's")
  .option("--steps <number>", "how many; as many as the input has by default")
  .option("--noise <deviation>", "of what is added to each neuron's input in each step; stepped only")
  .option(
    "--seeds <seeds>",
    "how many, or which (3,7,9): a run each, with other noise, and other weights where they are random",
  )
  .option("--record <variables>", "of spikes, v, i and a, apart by commas", "spikes")
  .option("--out <file>", "write an .npz archive of <population>.<variable>, steps x neurons each")
  .addOption(json())
  .action(async (file, options) => (await import("./net.ts")).netRun(file, options));

net
  .command("map")
  .description("lay a network out on a chip: what fits where, what it costs, and what its weights lose")
  .argument("<file>", "a network")
  .option("--chip <name>", "a bundled chip (see `net chip`), or a chip document (.yaml)", "loihi2")
  .option("--search <generations>", "look for a faster layout by an evolutionary search")
  .option("--seed <number>", "for the search and the input", "1")
  .option("--dt <seconds>", "length of a step; the file's, or the chip's")
  .addOption(new Option("--reset <rule>", "after a spike").choices(["zero", "subtract"]).default("zero"))
  .addOption(
    new Option("--threshold <rule>", "a spike needs v above it, or v at it")
      .choices(["strict", "reached"])
      .default("strict"),
  )
  .addOption(
    new Option("--spikes <number>", "of one neuron in one step").choices(["one", "many"]).default("one"),
  )
  .option("--input <file>", ".npy or .csv: steps x inputs, or samples x steps x inputs; by default at random")
  .option("--rate <share>", "of random input: spikes of a neuron in a step", "0.05")
  .option("--steps <number>", "of random input, for each of 4 samples", "50")
  .option("--svg <file>", "draw the layout")
  .addOption(json())
  .action(async (file, options) => (await import("./net-map.ts")).netMap(file, options));

net
  .command("chip")
  .description("print a chip with all figures and their sources, or what chips there are")
  .argument("[name]", "a bundled chip, or a chip document (.yaml)")
  .addOption(json())
  .action(async (name, options) => (await import("./net-map.ts")).netChip(name, options));

for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // Whoever read the output went away. A run goes on for its motors' sake; everything else has nobody to talk to.
    if (error.code === "EPIPE" && process.argv[2] !== "run") process.exit(0);
    if (error.code !== "EPIPE") process.exitCode = 1;
  });
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    if (error.exitCode !== 0 && process.argv.includes("--json")) {
      const what = error.message.replace(/^error: /, "").replace(/\n/g, " ");
      reportError(new ReflexarcError({ kind: "usage", room: "reflexarc", what }), true);
    }
  } else process.exitCode = reportError(error, process.argv.includes("--json"));
}
