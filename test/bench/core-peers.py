"""The recurrent networks of `npm run bench:core` in another simulator, one thread, steps of 0.1 ms.

Usage: core-peers.py PEER FILE FOLDER RUNS. FILE is what `core-networks.ts` writes and `c/core.c` reads; FOLDER may be
filled. Prints JSON: synaptic operations, spikes, and the seconds of each run without setting up. A peer's operations are
its own spikes times the synapses that each has.
"""

import json
import sys
import time

import numpy as np

peer, path, folder, runs = sys.argv[1:]
runs = int(runs)
step_ms = 0.1
data = open(path, "rb").read()
place = 0


def take(kind, count=1):
    global place
    values = np.frombuffer(data, kind, count, place)
    place += values.nbytes
    return values


def take_rows(sources, scale):
    """Sources, targets, weights and delays (ms) of each synapse that shares a delay."""
    (delay_us,) = take("<f8")
    starts = take("<u4", sources + 1)
    targets = take("<u2", starts[-1]).astype(np.int64)
    weights = take("i1", starts[-1]) * scale
    return np.repeat(np.arange(sources), np.diff(starts)), targets, weights, np.full(len(targets), delay_us / 1e3)


tau_ms, threshold, refractory_ms = take("<f8", 3) * (1e-3, 1, 1e-3)
(input_scale,) = take("<f8")
size, inputs = take("<i4", 2)
into = take_rows(inputs, input_scale)
(weight_scale,) = take("<f8")
(delays,) = take("<i4")
groups = [take_rows(size, weight_scale) for _ in range(delays)]
inner = [np.concatenate(columns) for columns in zip(*groups)]
(count,) = take("<i4")
times_us = take("<f8", count)
ids = take("<u4", count).astype(np.int64)
(end_us,) = take("<f8")
end_ms = end_us / 1e3
# To the grid of steps; what a neuron says twice in a step it says once.
steps, ids = np.unique(np.stack([np.round(times_us / 1e3 / step_ms).astype(np.int64) + 1, ids]), axis=1)
times_ms = steps * step_ms


def operations(counts):
    return int(np.bincount(inner[0], minlength=size) @ counts + np.bincount(into[0], minlength=inputs)[ids].sum())


def brian2():
    """C++ standalone, compiled as it compiles by default (-O3 -march=native and more); a group a delay is half as fast."""
    from brian2 import (
        Network, NeuronGroup, SpikeGeneratorGroup, SpikeMonitor, Synapses, defaultclock, device, ms, set_device,
    )

    set_device("cpp_standalone", build_on_run=False, directory=folder)
    defaultclock.dt = step_ms * ms
    cells = NeuronGroup(
        size,
        "dv/dt = -v / tau : 1 (unless refractory)",
        threshold="v >= theta",
        reset="v = 0",
        refractory=refractory_ms * ms,
        method="exact",
        namespace={"tau": tau_ms * ms, "theta": threshold},
    )
    source = SpikeGeneratorGroup(inputs, ids, times_ms * ms)
    add = "v_post += w * int(not_refractory_post)"
    synapses = []
    for before, (sources, targets, weights, delay) in ((source, into), (cells, inner)):
        # One delay for all is a parameter of the group: fewer entries in its queues.
        one = {"delay": delay[0] * ms} if len(set(delay)) == 1 else {}
        each = Synapses(before, cells, "w : 1", on_pre=add, **one)
        each.connect(i=sources, j=targets)
        each.w = weights
        if not one:
            each.delay = delay * ms
        synapses.append(each)
    spikes = SpikeMonitor(cells, record=False)
    Network(cells, source, spikes, *synapses).run(end_ms * ms)
    device.build(directory=folder, run=False)
    seconds = []
    for _ in range(runs):
        device.run(directory=folder, with_output=False, run_args=[])
        seconds.append(device._last_run_time)
    return np.array(spikes.count), seconds


def nest():
    import nest

    nest.set_verbosity("M_ERROR")
    seconds = []
    for _ in range(runs):
        nest.ResetKernel()
        nest.SetKernelStatus({"resolution": step_ms, "local_num_threads": 1})
        model = {"tau_m": tau_ms, "t_ref": refractory_ms, "V_th": threshold, "E_L": 0.0, "V_reset": 0.0, "V_m": 0.0}
        cells = nest.Create("iaf_psc_delta", size, params={**model, "refractory_input": False})
        source = nest.Create("spike_generator", inputs)
        for number in range(inputs):
            source[number].spike_times = times_ms[ids == number]
        recorder = nest.Create("spike_recorder")
        nest.Connect(cells, recorder)
        # The shortest delay of the network for its input too: NEST exchanges spikes once in the shortest delay.
        for before, (sources, targets, weights, delay) in ((source, into), (cells, inner)):
            first = before.tolist()[0]
            synapse = {"weight": weights, "delay": np.maximum(delay, inner[3].min())}
            nest.Connect(first + sources, cells.tolist()[0] + targets, "one_to_one", synapse)
        nest.Prepare()
        began = time.process_time()
        nest.Run(np.round(end_ms, 1))
        seconds.append(time.process_time() - began)
        nest.Cleanup()
        senders = np.array(recorder.events["senders"]) - cells.tolist()[0]
    return np.bincount(senders, minlength=size), seconds


def snntorch():
    """Leaky neurons of snnTorch on one core; delays and the refractory period, which it doesn't have, by tensors."""
    import torch
    from snntorch import Leaky

    torch.set_num_threads(1)
    # All delays at once: a row of this matrix is a target after one of the delays.
    delay_steps, which = np.unique(np.round(inner[3] / step_ms).astype(np.int64), return_inverse=True)

    def sparse(sources, rows, weights, shape):
        entries = torch.tensor(weights, dtype=torch.float32)
        return torch.sparse_coo_tensor(np.stack([rows, sources]), entries, shape).coalesce().to_sparse_csr()

    between = sparse(inner[0], which * size + inner[1], inner[2], (len(delay_steps) * size, size))
    outside = sparse(into[0], into[1], into[2], (size, inputs))
    input_delay = round(into[3][0] / step_ms)
    arriving = {}
    for step, id in zip(steps, ids):
        arriving.setdefault(int(step) + input_delay, []).append(int(id))
    refractory_steps = round(refractory_ms / step_ms)
    cell = Leaky(beta=float(np.exp(-step_ms / tau_ms)), threshold=threshold, reset_mechanism="zero")
    length = int(delay_steps.max()) + 1
    offsets = torch.tensor(delay_steps)
    seconds = []
    for _ in range(runs):
        ring = torch.zeros(length, size)
        potential = torch.zeros(size)
        free_from = torch.zeros(size)
        counts = torch.zeros(size)
        began = time.process_time()
        with torch.no_grad():
            for step in range(int(np.ceil(end_ms / step_ms)) + 1):
                current = ring[step % length].clone()
                ring[step % length] = 0
                if step in arriving:
                    came = torch.zeros(inputs, 1)
                    came[arriving[step]] = 1
                    current += (outside @ came)[:, 0]
                spikes, potential = cell(current * (free_from <= step), potential)
                if spikes.any():
                    free_from[spikes > 0] = step + refractory_steps
                    counts += spikes
                    later = (between @ spikes[:, None]).view(len(delay_steps), size)
                    ring.index_add_(0, (step + offsets) % length, later)
        seconds.append(time.process_time() - began)
    return counts.numpy().astype(np.int64), seconds


counts, seconds = {"brian2": brian2, "nest": nest, "snntorch": snntorch}[peer]()
print(json.dumps({"operations": operations(counts), "spikes": int(counts.sum()), "seconds": seconds}))
