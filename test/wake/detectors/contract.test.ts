/** Every detector keeps the contract of stages. */

import { detectors } from "../../../src/wake/detectors/index.ts";
import { writePattern } from "../../../src/wake/pattern.ts";
import { stageContract } from "../../support/stage-contract.ts";

stageContract(detectors, {
  activity: [
    { options: { overHz: 1000, tauUs: 4000, repeatUs: 2500 } },
    { options: { overHz: 2000, underHz: 1900, tauUs: 900, tells: "under" } },
  ],
  anomaly: [
    { options: { threshold: 0, recoverVolleys: 2, memoryVolleys: 10 } },
    { options: { threshold: 8, surpriseShare: 1, context: 3 } },
  ],
  keyword: [
    { options: { evidence: 1.5, margin: 0.2, tauUs: 5000, holdOffUs: 3000 } },
    { options: { evidence: 1, margin: 0, words: [1, 3], holdOffUs: 0 } },
  ],
  template: [
    {
      options: { pattern: "three.yaml", jitterUs: 2000, likeness: 0.5, holdOffUs: 0 },
      files: {
        "three.yaml": writePattern({
          neurons: 24,
          spanUs: 3000,
          spikes: [
            [0, 1],
            [1500, 2],
            [3000, 1],
          ],
        }),
      },
    },
  ],
});
