# Steps of training the GPT-NeoX models of `tripod bench train` in PyTorch: tokens a second, by CPU time and by the clock, eager and
# compiled. Gradient, clipping and fused AdamW as there; batches of 4096 tokens in sequences of 128 and of 512.
#   train_torch.py [THREADS [WIDTH...]]
# SPDX-License-Identifier: GPL-3.0-or-later
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

LAYERS, VOCABULARY, TOKENS = 4, 512, 4096


def turn(x, cos, sin):
    half = cos.shape[-1]
    a, b, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1)


class Layer(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.dense = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x, cos, sin):
        b, t, d = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        c = F.scaled_dot_product_attention(turn(q, cos, sin), turn(k, cos, sin), v, is_causal=True)
        return x + self.dense(c.transpose(1, 2).reshape(b, t, d)) + self.down(F.gelu(self.up(self.ln2(x))))


class Model(nn.Module):
    def __init__(self, d):
        super().__init__()
        size = 32 if d < 512 else 64
        self.embed, self.ln = nn.Embedding(VOCABULARY, d), nn.LayerNorm(d)
        self.layers = nn.ModuleList(Layer(d, d // size) for _ in range(LAYERS))
        self.out = nn.Linear(d, VOCABULARY, bias=False)
        f = 10000.0 ** (-torch.arange(0, size // 4, 2) / (size // 4))
        angle = torch.arange(2048)[:, None] * f
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    def forward(self, ids, targets):
        x, t = self.embed(ids), ids.shape[1]
        for layer in self.layers:
            x = layer(x, self.cos[:t], self.sin[:t])
        return F.cross_entropy(self.out(self.ln(x)).flatten(0, 1), targets.flatten())


def measure(d, length, compiled):
    torch.manual_seed(0)
    model = Model(d)
    tokens = torch.randint(VOCABULARY, (TOKENS // length, length + 1))
    adam = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    f = torch.compile(model) if compiled else model

    def step():
        adam.zero_grad()
        f(tokens[:, :-1], tokens[:, 1:]).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        adam.step()

    try:
        for _ in range(2):
            step()
    except Exception as e:  # a compiler may be missing
        return f"cannot run: {type(e).__name__}"
    n, wall, cpu = 0, time.perf_counter(), time.process_time()
    while n < 3 or time.process_time() - cpu < 3:
        step()
        n += 1
    used, passed = time.process_time() - cpu, time.perf_counter() - wall
    return f"{n * TOKENS / used:.0f} tokens/s of CPU time\t{n * TOKENS / passed:.0f} tokens/s"


threads, *widths = [int(x) for x in sys.argv[1:]] or [1]
torch.set_num_threads(threads)
for d in widths or [64, 128, 256, 512]:
    for length in 128, 512:
        for name, compiled in ("eager", False), ("compiled", True):
            print(f"{d}\t{length}\t{name}\t{measure(d, length, compiled)}", flush=True)
