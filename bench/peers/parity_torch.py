# A step of multitask sparse parity in PyTorch, at the published size, data ready: milliseconds of CPU time, eager and compiled.
#   parity_torch.py [THREADS [WIDTH [STEPS]]]
# SPDX-License-Identifier: GPL-3.0-or-later
import sys
import time

import torch

threads, width, steps = (int(x) for x in (sys.argv[1:] + ["1", "500", "20"][len(sys.argv) - 1 :]))
torch.set_num_threads(threads)
TASKS, N, BATCH = 500, 100, 20000
torch.manual_seed(0)
x = torch.cat([torch.nn.functional.one_hot(torch.randint(TASKS, (BATCH,)), TASKS), torch.randint(2, (BATCH, N))], 1).float()
y = torch.randint(2, (BATCH,))
net = torch.nn.Sequential(torch.nn.Linear(TASKS + N, width), torch.nn.ReLU(), torch.nn.Linear(width, 2))
adam = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0, foreach=True)


def step(f):
    adam.zero_grad()
    torch.nn.functional.cross_entropy(f(x), y).backward()
    adam.step()


for name, f in ("eager", net), ("compiled", torch.compile(net)):
    try:
        for _ in range(3):
            step(f)
    except Exception as e:  # a compiler may be missing
        print(f"{name}\tcannot run: {type(e).__name__}")
        continue
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(steps):
        step(f)
    print(f"{name}\t{(time.process_time() - cpu) / steps * 1e3:.1f} ms CPU\t{(time.perf_counter() - wall) / steps * 1e3:.1f} ms wall")
