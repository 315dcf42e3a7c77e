#!/usr/bin/python3
"""Runs the same commands with two builds of tripod and compares what they print and write.

    tests/same_output.py OLD NEW [--only REGEX] [--list]

Every command in the forms that the pages and tests/cli use, odd and wrong arguments among them, in two scratch folders
of the same layout. Compared: exit code, stdout, the first line of stderr, every file written or removed. Left out is
what must differ: date, command and CPU of the provenance, times and rates. One line a difference, with a diff of at
most ten lines; the last line is "N commands, M differ"; exit 1 when some do. Data that is not beside the
repository (../shared/data, or $TRIPOD_SHARED/data) is skipped, loudly.
SPDX-License-Identifier: GPL-3.0-or-later
"""
import difflib
import hashlib
import json
import math
import os
import random
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.path.join(os.environ.get("TRIPOD_SHARED", os.path.join(ROOT, "..", "shared")), "data")
LIMIT = 120  # seconds a command may take

# Lines are the arguments of tripod, as a shell would split them; "< FILE" at the end is stdin. A line that starts with
# "*" runs a second time with --json; "~": the numbers on stdout are times and are masked. $S is the shared data.
GENERAL = """
--version
version
help
--help
-h
help nothing
help scan extra
nothing

'odd
name'
"""

COMMANDS = "import info tokenize scan gather fit allocate count epoch evals bench".split()

INFO = """
*info folders/st-mixed
info --tensors folders/st-f16
info --verify folders/bin-views
*info --verify folders/corpus
info folders/corpus.idx folders/corpus.bin
*info --verify folders/losses.npy
*info in/fit.json
info folders/st-bf16 folders/corpus folders/losses.npy --json=out/info.json
info folders/bad-shape
info folders/bad-missing
info folders/bad-old-torch
info in/cut.json
info in/array.json
info in/runs.csv
info nowhere
info folders/corpus nowhere
info in
info
info --tensors
info --verify folders/st-hub folders/bin-sharded
"""

IMPORT = """
*import folders/st-hub -o out/st-hub.tripod
import folders/bin -o out/bin.tripod --name other --step 77 --json
import folders/st-f16 folders/st-bf16 folders/st-f32 folders/bin-lm-head -o out/many/
import folders/var-tied folders/hub-tied folders/hub-sequential -o out/many/ --json=out/many.json
import folders/bin-bf16 -o out/bf16.tripod --step-tokens 1000 --step 3
*info --verify --tensors out/bin.tripod
info out/many.json
info out/many/st-f16.tripod
import folders/bad-shape -o out/x
import folders/bad-act -o out/x
import folders/bad-missing -o out/x
import folders/bad-old-torch -o out/x
import folders/bad-rope-scaling -o out/x
import in -o out/x
import nowhere -o out/x
import folders/st-hub -o none/x
import folders/st-hub
import -o out/x
import
import folders/st-hub -o out/x --step x
import folders/st-hub -o out/x --step=-1
import folders/st-hub -o out/x --name ''
import EleutherAI/pythia-70m@step3000 -o out/x
import EleutherAI/pythia-70m@3000 -o out/x
import folders/st-hub folders/st-f16 -o out/x --name both
"""

TOKENIZE = """
*tokenize in/texts.jsonl -t small.json -o out/a
tokenize in/texts.jsonl -t small.json -o out/a2 --threads 3 --json=out/a2.report
tokenize in/texts.jsonl -t odd.json -o out/odd
tokenize in/0.txt in/1.txt in/2.txt -t small.json -o out/f --append '<|endoftext|>'
tokenize - --format jsonl -t small.json -o out/i --max-documents 7 --json < in/texts.jsonl
tokenize - -t small.json -o out/i2 < in/0.txt
tokenize in/texts.jsonl --format text -t small.json -o out/t
tokenize in/blank.jsonl -t small.json -o out/blank --json
tokenize - --format jsonl --field body -t small.json -o out/body < in/body.jsonl
tokenize in/doc1.txt in/doc2.txt in/doc3.txt -t demo/tokenizer.json -o out/docs
tokenize --decode out/docs -t demo/tokenizer.json
tokenize --decode out/a -t small.json
tokenize --decode out/a.bin -t small.json -o out/back.jsonl
tokenize --decode out/nothing -t small.json
tokenize --decode out/docs -t small.json
tokenize in/none.txt -t small.json -o out/x
tokenize in/0.txt -t none.json -o out/x
tokenize in/0.txt -t in/texts.jsonl -o out/x
tokenize in/0.txt -t in -o out/x
tokenize in -t small.json -o out/x
tokenize in/0.txt.gz -t small.json -o out/x
tokenize in/plain.zst -t small.json -o out/x
tokenize in/bad.jsonl -t small.json -o out/x
tokenize in/texts.jsonl --field meta -t small.json -o out/x
tokenize in/texts.jsonl --field body -t small.json -o out/x
tokenize in/empty.txt -t small.json -o out/x
tokenize in/empty.jsonl -t small.json -o out/x
tokenize in/0.txt --append '<eos>' -t small.json -o out/x
tokenize in/0.txt -t small.json -o no/such/x
tokenize in/0.txt -o out/x
tokenize in/0.txt -t small.json
tokenize -t small.json -o out/x
tokenize in/0.txt -t small.json -o out/x --format csv
tokenize in/0.txt -t small.json -o out/x --max-documents 0
tokenize in/0.txt -t small.json -o out/x --threads 0
info --verify out/a out/docs
*info out/a.json
tokenize in/invalid.txt -t small.json -o out/inv --json
tokenize in/texts.jsonl in/invalid.txt -t small.json -o out/inv2
"""

SCAN = """
*scan -m folders/st-f16 -c folders/corpus -o out/l1
scan -m folders/st-f16 -c folders/corpus -o out/l1
scan -m folders/st-f16 -c folders/corpus -o out/l1 --max-tokens 9
scan -m folders/st-f16 -c folders/corpus -o out/l1 --max-tokens 9 --force --json=out/scan.json
scan folders/hub-sequential folders/var-eps -c folders/corpus -o out/l2
scan folders/st-f32 -c folders/corpus -o out/l3 --gelu tanh
scan folders/st-f32 -c folders/corpus -o out/l4 --gemm onednn
scan folders/st-f32 -c folders/corpus -o out/l5 --simd scalar
scan folders/st-f32 -c folders/corpus -o out/l6 --simd avx2 --threads 3
scan folders/st-f32 -c folders/corpus -o out/l7 --window 16
scan folders/st-f32 -c folders/corpus -o out/l8 --window 16 --stride 4 --batch-tokens 33
scan folders/st-f32 -c folders/corpus -o out/l9 --documents 3
scan folders/st-f32 -c folders/corpus -o out/half --shard 0/2
gather out/half
scan folders/st-f32 -c folders/corpus -o out/half --shard 1/2
*gather out/half -o out/half.npy
scan out/many/st-f16.tripod out/bin.tripod -c folders/corpus -o out/l10 --json
scan demo/demo-7k/step0 demo/demo-7k/step64 demo/demo-7k/step1000 -c out/docs -o out/demo --json
scan demo/demo-3k/step0 demo/demo-3k/step64 demo/demo-3k/step1000 -c out/docs -o out/demo
scan demo/demo-25k/step0 demo/demo-25k/step64 demo/demo-25k/step1000 -c out/docs -o out/demo
scan demo/demo-59k/step1000 demo/demo-115k/step1000 -c out/docs -o out/demo
*gather out/demo
gather out/demo -o out/demo.npy -p out/demo-points.csv --plot out/demo.svg
gather out/demo -o out/demo.npy --json=out/gathered.json
scan demo/demo-7k/step1000 -c in/LICENSE -o out/text --window 256 --json
scan demo/demo-7k/step1000 -c in/texts.jsonl -c in/0.txt -t demo/tokenizer.json -o out/text2
scan demo/demo-7k/step1000 -c in/invalid.txt -o out/text3 --json
*info --verify out/demo.npy
*info out/demo/demo-7k-step64.json
info --verify out/demo/demo-7k-step64.npy
fit power out/demo/points.csv --bootstrap 50
fit power out/demo-points.csv --x step --by model --bootstrap 0
fit steps out/demo-points.csv --bootstrap 0 --json
scan -m nowhere -c folders/corpus -o out/x
scan -m folders/st-f16 -c nowhere -o out/x
scan -m folders/st-f16 -c in/0.txt -o out/x
scan -m folders/bad-shape -c folders/corpus -o out/x
scan -m folders/bad-missing -c folders/corpus -o out/x
scan -m folders/st-f16 -c out/docs -o out/x
scan -m folders/st-f16 -c folders/corpus -o folders/corpus.bin/x
scan -c folders/corpus
scan -m folders/st-f16
scan -m folders/st-f16 -c folders/corpus --max-tokens x
scan -m folders/st-f16 -c folders/corpus --shard 3/3
scan -m folders/st-f16 -c folders/corpus --stride 4
scan -m folders/st-f16 -c folders/corpus --simd mmx
scan -m folders/st-f16 -c folders/corpus --gelu relu
scan -m folders/st-f16 -c folders/corpus --gemm blas
scan -m folders/st-f16 -c folders/corpus --window 0
scan --frobnicate
gather out/nowhere
gather folders
gather
gather out/demo extra
gather out/demo -o none/x.npy
gather out/demo --plot out/demo.bmp
"""

FIT = """
fit laws
fit laws --json
*fit chinchilla in/runs.csv --drop-highest 5 --bootstrap 40 --boot-starts 0 --budget 5.76e23 --predict 70B,1.4T
fit chinchilla in/runs.csv --drop-highest 5 --bootstrap 50 --resamples out/resamples.csv --json=out/fit.json --budget 1e21,1e22
fit chinchilla in/runs.csv --drop-highest 5 --bootstrap 0
fit chinchilla in/runs.csv --drop-highest 5 --bootstrap 0 --pin E=1.7
fit chinchilla in/runs.csv --drop-highest 5 --bootstrap 0 --no-profile --pin E=1.7 --pin beta=0.3 --json
fit chinchilla in/runs.csv --drop-line 2 --drop-line 3 --bootstrap 0 --no-profile --bound E=1.8:2 --bound alpha=:0.3
fit chinchilla in/runs.csv --bootstrap residual:30 --boot-starts 0 --no-profile
fit chinchilla in/runs.csv --bootstrap parametric:30 --boot-starts 0 --no-profile --seed 7 --level 0.8
fit chinchilla in/curves.csv --bootstrap cluster:20 --boot-starts 0 --no-profile
*fit chinchilla in/exact.csv --compare --bootstrap 0 --no-profile
fit chinchilla in/noisy.csv --compare --holdout 1e21 --bootstrap 0 --no-profile
*fit chinchilla in/noisy.csv --sensitivity --bootstrap 0 --no-profile
fit chinchilla in/noisy.csv --grid 3 --bootstrap 20 --predict 1e9,2e10 --level 0.9 --threads 2
fit chinchilla in/noisy.csv --where 'N>=2e8' --where 'D<2e11' --bootstrap 0 --no-profile
fit chinchilla in/noisy.csv --where N=max --bootstrap 0
fit power in/noisy.csv --where D=min --bootstrap 20
fit power in/noisy.csv --x D --where N=min --bootstrap 20 --predict 1e12
fit power in/noisy.csv --x C --bootstrap 20 --json
fit power in/runs.csv --x C --by 'Model Size' --bootstrap 0
*fit power in/wikitext.csv --bootstrap 0
fit power in/wikitext.csv --bootstrap 0 --loss-unit nats
fit power-constant in/points.csv --bootstrap 0
fit power-constant in/points.csv --bootstrap 20 --compare
fit power-constant in/points.csv --x step --by model --bootstrap 0 --json
fit steps in/points.csv --bootstrap 0
fit steps in/points.csv --bootstrap 20 --boot-starts 0 --all-steps --no-profile
fit power in/points.csv --all-steps --bootstrap 0 --weight se
fit power - --bootstrap 0 < in/wikitext.csv
fit power - --bootstrap 0 < in/semicolons.csv
fit repeated in/repeated.csv --bootstrap 0 --no-profile --grid 3
fit repeated in/repeated.csv --bootstrap 0 --no-profile --grid 3 --unique U --predict 1e9,2e10,1e10 --json
fit power in/named.csv --x C --flop 6N-head --bootstrap 0 --no-profile
fit power in/shaped.csv --x C --flop appendix-F:chinchilla --bootstrap 0 --no-profile
fit power in/named.csv --x C --flop 7N
fit power in/minchilla.csv --x C --flop 6N-head
*fit isoflop in/minchilla.csv --where 'loss<=2' --reject mad --plot out/iso.svg
fit isoflop in/minchilla.csv --where 'loss<=2'
fit isoflop in/minchilla.csv --where 'loss<=2' --reject exact:0.1 --keep
fit isoflop in/minchilla.csv --where 'loss<=2' --reject none --keep --drop-line 30 --drop-line 31 --json=out/iso.json
*fit isoflop in/exact.csv --surface 0.34,0.28 --reject none
fit isoflop in/exact.csv --surface none --tolerance 0.3 --level 0.8
fit isoflop in/runs.csv --C 'Training FLOP' --N 'Model Size'
fit bias --surface 0.34,0.28 --span 16 --points 15
*fit bias --surface 0.34,0.28 --span 4
fit bias
fit bias --surface 3
*fit envelope in/curves.csv
fit envelope in/curves.csv --run run --envelope-budgets 100 --keep
*fit approaches in/exact.csv --budget 1e21 --bootstrap 30
fit approaches in/minchilla.csv --where 'loss<=2' --bootstrap 50
fit approaches in/curves.csv --bootstrap 0 --json=out/approaches.json
fit approaches in/runs.csv --drop-highest 5 --budget 5.76e23 --bootstrap 10
fit approaches - < in/exact.csv
fit isoflop - < in/exact.csv
fit isoflop in/two.csv
fit envelope in/two.csv
fit approaches in/two.csv
fit isoflop in/flat.csv
fit isoflop in/text.csv
fit isoflop in/none.csv
fit isoflop in/exact.csv --surface 3
fit isoflop in/exact.csv --reject some
fit isoflop
fit isoflop --help
fit envelope --help
fit approaches --usage
fit chinchilla
fit
fit nonsense in/runs.csv
fit chinchilla in/none.csv
fit chinchilla in
fit chinchilla in/runs.csv --objective l2
fit chinchilla in/runs.csv --objective huber:0
fit chinchilla in/runs.csv --pin gamma=1
fit chinchilla in/runs.csv --pin E
fit chinchilla in/runs.csv --bound E=2:1
fit chinchilla in/runs.csv --N size
fit chinchilla in/runs.csv --predict 1e9
fit chinchilla in/runs.csv --budget x
fit chinchilla in/runs.csv --budget=-1
fit chinchilla in/runs.csv --bootstrap cluster:100
fit chinchilla in/runs.csv --bootstrap rows:100
fit chinchilla in/runs.csv --where loss
fit chinchilla in/runs.csv --where nothing=1
fit chinchilla in/runs.csv --where 'loss>100'
fit chinchilla in/runs.csv --level 95
fit chinchilla in/runs.csv --drop-line 9999
fit chinchilla in/runs.csv --drop-highest 1000
fit chinchilla in/runs.csv --grid 0
fit chinchilla in/runs.csv --loss-unit hectares
fit power in/runs.csv --x Q
fit chinchilla in/runs.csv extra
fit chinchilla in/runs.csv --budget 1e21 --resamples none/x.csv --bootstrap 5 --no-profile
fit power in/wikitext.csv --bootstrap 0 --json=none/x.json
fit kaplan in/wikitext.csv
"""

BAD_CSV = {
    "empty": "", "header": "N,D,loss\n", "columns": "N,D,x\n1,2,3\n", "word": "N,D,loss\n1e6,1e9,3\n1e6,abc,3\n",
    "ragged": "N,D,loss\n1e6,1e9,3\n1e6,3\n", "quote": 'N,D,loss\n"1e6,1e9,3\n', "stray": 'N,D,loss\n1e6,1"e9,3\n',
    "zero": "N,D,loss\n1e6,\0" + "1e9,3\n", "twice": "N,n,D,loss\n1,1,1,1\n", "few": "N,D,loss\n1e6,1e9,3\n2e6,2e9,2.9\n",
    "oneD": "N,D,loss\n" + "".join(f"{i}e6,1e9,{3 - i / 10}\n" for i in range(1, 8)),
    "oneN": "N,D,loss\n" + "".join(f"1e6,{i}e9,{3 - i / 10}\n" for i in range(1, 8)),
    "constant": "N,D,loss\n" + "".join(f"{i}e6,{i}e9,3\n" for i in range(1, 7)), "nan": "N,D,loss\n1e6,1e9,nan\n",
    "weight": "N,D,loss,weight\n1e6,1e9,3,-1\n", "negative": "N,D,loss\n-1e6,1e9,3\n1e6,1e9,3\n", "latin": "N,D,caf\udce9\n1,2,3\n",
}

ALLOCATE = """
*allocate --preset hoffmann --budget 2.21e19,5.76e23
allocate --preset hoffmann --budget 2.21e19 --numeric
allocate --preset hoffmann --budget 1.92e19,2.21e19 --grid 7:11:16
*allocate --preset hoffmann --sweep 17:26:256 --grid 7:14:256 --closest 1.3e9
allocate --preset hoffmann --sweep 17:26:4
allocate --preset epoch --sweep 18:24:8 --closest 70B
*allocate --line approach2 -N 124M
allocate --line approach1 -N 1B
allocate --line in/line.csv -N 1e9
allocate --preset epoch --hours 100 --rate 2T --devices 8 --utilization 0.5
*allocate --preset hoffmann -N 70B -D 300B
*allocate --preset hoffmann --loss 2.0
allocate --preset hoffmann -N 1B --loss 2.5
*allocate --preset epoch -N 400M
allocate --preset kaplan --budget 1e21
allocate --preset kaplan -N 1B -D 1B
allocate --preset kaplan --loss 2.5
*allocate --preset epoch-optimum --samples in/boot.csv --budget 1e21,5.76e23
allocate --preset epoch-optimum --samples in/boot.csv --budget 5.76e23 --level 0.8 --threads 2
allocate --preset epoch-optimum --samples in/boot.csv -N 1B --loss 2.5
allocate --preset epoch-optimum --samples in/boot.csv -N 1B -D 1T
allocate --preset epoch-optimum --samples in/boot.csv --loss 2.2
*allocate in/fit.json --budget 1e21
allocate in/fit.json --budget 1e21 --seed 4 --level 0.5
allocate in/fit.json -N 1B
allocate in/fit.json --loss 2.2
allocate in/correlated.json --budget 5.76e23 --level 0.8 --json=out/allocate.json
*allocate out/fit.json --budget 1e22
allocate out/fit.json --samples out/resamples.csv --budget 1e22 --json
allocate --law chinchilla --params E=1.69,A=406.4,B=410.7,alpha=0.34,beta=0.28 --budget 1e20 --factor 8
allocate --law repeated --params E=1.87,A=521,B=1488,alpha=0.35,beta=0.35,RD=15.4,RN=5.3 --unique 1e11 --budget 1e21,1e23
allocate --law repeated --params E=1.87,A=521,B=1488,alpha=0.35,beta=0.35,RD=15.4,RN=5.3 --budget 1e21
allocate --law tied --params E=1.87,A=521,B=1488,alpha=0.35 --budget 1e21
allocate --law additive --params A=20,B=30,alpha=0.2,beta=0.2 --budget 1e21 --loss 2
allocate --law coupled --params E=1.7,A=400,B=400,alpha=0.34,beta=0.28,k=2 --budget 1e21
allocate --law steps --params E=1.7,A=400,B=400,alpha=0.34,beta=0.28 --budget 1e21
allocate in/noE.json --budget 1e21
allocate in/cov.json --budget 1e21
allocate in/array.json --budget 1e21
allocate in/cut.json --budget 1e21
allocate in/none.json --budget 1e21
allocate out/iso.json --budget 1e21
allocate --law chin --params E=1 --budget 1e21
allocate --law chinchilla --params E=1 --budget 1e21
allocate --law chinchilla --params Q=1 --budget 1e21
allocate --law chinchilla --params E --budget 1e21
allocate --law power --params A=1,alpha=0.1 --budget 1e21
allocate --law chinchilla --budget 1e21
allocate --preset epoch --budget x
allocate --preset epoch --budget=-1
allocate --preset epoch --budget 1e400
allocate --preset epoch --budget ''
allocate --preset epoch --loss 1.8
allocate --preset epoch --loss 0
allocate --preset epoch --budget 1e21 --grid 7-11
allocate --preset epoch --sweep 26:17:1
allocate --preset x --budget 1e21
allocate --line in/boot.csv -N 1e9
allocate --line approach3 -N 1e9
allocate --line approach2
allocate --preset epoch --samples in/short.csv --budget 1e21
allocate --preset epoch --samples in/none.csv --budget 1e21
allocate
allocate --preset epoch
allocate --preset epoch --budget 1e21 --loss 2
allocate --preset epoch --hours 3
allocate --preset epoch --preset kaplan --budget 1e21
allocate in/fit.json in/fit.json --budget 1e21
"""

COUNT = """
*count pythia-70m
*count pythia-70m --context 512
count pythia-70m pythia-160m --json=out/count.json
*count --table pythia
*count --table a9
*count --table a4
count --table a5
*count --family gpt --layers 12 --width 768 --heads 12
count --family neox --layers 12 --width 768 --heads 12 --vocab 50000 --ffn 1000 --tied
count --family chinchilla --layers 12 --width 768 --heads 12 --key-size 32 --untied
count --family chinchilla --layers 12 --width 768 --heads 12 --key-size 32 --square-attention
count --family encoder --layers 4 --width 256 --heads 4 --seq 64
*count pythia-12b --tokens 299892736000
count pythia-1.4b --tokens 300B --seq 1024
count folders/st-f16
count in/gpt2.json
count in/gpt2.json pythia-6.9b folders/hub-tied
count in/heads.json
count in/llama.json
count in/cut.json
count pythia-71m
count in
count
count --family rnn
count --layers 3
count --layers 3 --width 100 --heads 7
count pythia-70m --tokens x
count pythia-70m --context 0
"""

EPOCH = """
*epoch in/t.csv
*epoch in/t.csv --at N=1e9,D=2e10
epoch in/t.csv --at N=1e8
epoch in/t.csv --at C=1e20,S=1e5
epoch in/t.csv --where 'paper~tw' --where 'exponent 1>0.3'
epoch in/t.csv --where 'exponent 1<0.3' --json=out/epoch.json
*epoch in/t.csv --scatter
epoch in/t.csv --plot out/f.svg
epoch in/t.csv --plot out/g.png --log --scatter
epoch in/t.csv --plot out/h.bmp
epoch in/bad-number.csv
epoch in/bad-param.csv
epoch in/bad-column.csv
epoch in/boot.csv
epoch in/t.csv --where paper=x
epoch in/t.csv --where paper
epoch in/t.csv --where zzz=1
epoch in/t.csv --where 'paper<3'
epoch in/t.csv --at Q=1
epoch in/t.csv --at N=x
epoch in/t.csv --scatter --where paper=Blank
epoch
epoch in/none.csv
"""

EVALS = """
*evals evals
evals evals -o out/evals.csv
evals evals -o out/evals2.csv --json
evals evals --shots 5 --release v1
evals evals --shots all --metric piqa.acc_norm --metric lambada_openai.acc
evals evals --release v0 --json=out/evals.json
evals evals/pythia-v1/pythia-12b
evals evals/pythia-v1/pythia-12b evals/pythia-v0
evals in
evals nowhere
evals
evals evals --metric acc
evals evals --shots 3
evals evals --release v2
fit power out/evals.csv --loss lambada_nats --where release=v1 --bootstrap 0
"""

BENCH = """
~bench peak --rounds 1 --threads 1 --memory 1M
bench
bench peaks
bench gemm --models 70m,71m
bench gemm --rows 0
bench kernels --against in/array.json
bench kernels --against none.json
bench gemm --blas libnone.so
bench kernels --simd mmx
bench peak --memory x
bench scan --models 71m
"""

REAL = """
fit chinchilla $S/epoch_svg_extracted_data.csv --drop-highest 5 --bootstrap 50 --boot-starts 0 --budget 5.76e23
fit chinchilla $S/farseer_train.csv --bootstrap 20 --boot-starts 0 --no-profile --json
fit chinchilla $S/farseer_train.csv --by group --bootstrap 0 --no-profile
fit isoflop $S/epoch_svg_extracted_data.csv
*allocate --preset epoch-optimum --samples $S/epoch_boot_params_200.csv --budget 5.76e23 --level 0.8
*epoch $S/scaling-laws.csv
*epoch $S/scaling-laws.csv --scatter
epoch $S/scaling-laws.csv --at N=70e9,D=1.4e12 --where 'paper~compute-optimal'
epoch $S/scaling-laws.csv --plot out/figure18.svg --log
tokenize in/LICENSE -t $S/20B_tokenizer.json -o out/neox
tokenize --decode out/neox -t $S/20B_tokenizer.json
"""


def surface(N, D):
    return 1.69 + 406.4 * N ** -0.34 + 410.7 * D ** -0.28


def write_tables():
    """CSV and JSON inputs in in/, the same bytes every time."""
    def table(name, header, rows):
        with open(f"in/{name}.csv", "w", encoding="utf-8", errors="surrogateescape", newline="") as f:
            f.write(header + "\n")
            for row in rows:
                f.write(",".join(x if isinstance(x, str) else repr(x) for x in row) + "\n")

    def text(name, content):
        with open("in/" + name, "w", encoding="utf-8", errors="surrogateescape", newline="") as f:
            f.write(content)

    r = random.Random(5)
    for name, content in BAD_CSV.items():
        text(f"bad-{name}.csv", content)
    losses = [[1.29079, 1.29935, 1.33768, 1.42053, 1.55097, 2.18009, 3.07850],
              [1.07772, 1.04844, 1.04621, 1.07046, 1.10515, 1.19733, 2.05162],
              [0.980898, 0.946310, 0.937635, 0.919884, 0.927825, 0.974640, 1.179393],
              [0.920348, 0.891859, 0.869188, 0.850453, 0.856721, 0.876694, 1.061843],
              [0.816, 0.786, 0.764102, 0.750331, 0.751587, 0.758679, 0.765145]]
    widths = [256, 320, 384, 448, 512, 576, 640]
    table("minchilla", "params,budget,loss", [(348 * d + 174 + d // 64 * (12 * d * d + 13 * d), f"{b}e15", x)
                                              for b, row in zip([1, 3, 6, 10, 30], losses) for d, x in zip(widths, row)])
    exact, G = [], (0.34 * 406.4 / (0.28 * 410.7)) ** (1 / 0.62)
    for C in (1e18, 1e19, 1e20, 1e21, 1e22):
        for i in range(15):
            N = G * (C / 6) ** (0.28 / 0.62) * 16 ** ((i - 7) / 7)
            exact.append((N, C / 6 / N, C, surface(N, C / 6 / N)))
    table("exact", "N,D,C,loss", exact)
    table("noisy", "N,D,loss", [(1e8 * 2 ** i, 2e9 * 2 ** j, surface(1e8 * 2 ** i, 2e9 * 2 ** j) * (1 + 1e-3 * r.gauss(0, 1)))
                                for i in range(8) for j in range(8)])
    table("curves", "run,N,D,step,loss", [(f"r{s}", 1e7 * 2 ** (s / 2), 1e8 * 10 ** (k / 5), k,
                                           surface(1e7 * 2 ** (s / 2), 1e8 * 10 ** (k / 5))) for s in range(12) for k in range(20)])
    table("points", "model,N,N_total,step,tokens,mean_loss,se,perplexity",
          [(f"m{n}", n * 10**6, n * 10**6, s, s * 2097152, round(2 + 300 * (n * 1e6) ** -0.3 + (3 * s ** -0.5 if s else 6), 9), 0.01, 1)
           for n in (1, 2, 4, 8, 16) for s in (0, 8, 16, 64, 512, 4096)])
    table("repeated", "N,D,U,loss", [(N, U * e, U, 1.87 + 521 * N ** -.35 + 1488 * (U * (1 + 15.4 * (1 - math.exp(-(e - 1) / 15.4)))) ** -.35)
                                     for N in (1e8, 4e8, 1.6e9) for U in (1e9, 4e9, 1.6e10) for e in (1, 4, 16, 64)])
    text("wikitext.csv", "params,bits_per_byte\n85056000,0.9360108878533313\n302311424,0.839809646843508\n"
         "1208602624,0.7566636913453257\n6444163072,0.6769633837921767\n11327027200,0.6555956922652953\n")
    text("semicolons.csv", "ppl;params;tokens\n20;1M;1B\n18;2M;1B\n17;4M;1B\n16.5;8M;1B\n")
    text("named.csv", "model,N,tokens,loss\npythia-70m,18915328,1e9,3.1\npythia-160m,85056000,1e9,3.0\npythia-410m,302311424,1e9,2.9\n")
    text("shaped.csv", "layers,d_model,n_heads,N,tokens,loss\n8,512,8,1e8,1e9,3.1\n12,768,12,2e8,1e9,3.0\n20,1024,16,3e8,1e9,2.9\n")
    text("two.csv", "N,D,loss\n1e8,1e9,3\n2e8,2e9,2.9\n")
    text("flat.csv", "N,C,loss\n" + "".join(f"{n}e8,1e{c},2\n" for c in (18, 19) for n in (1, 2, 4, 8)))
    text("text.csv", "N,C,loss\n1e8,1e18,x\n")
    text("line.csv", "N,D\n4e8,8e9\n1e9,20e9\n1e10,2e11\n")
    text("short.csv", "A,B,E,alpha\n1,2,3,4\n")
    boot = []
    for k in range(200):
        z = [r.gauss(0, 1) for _ in range(3)]
        boot.append((k, 477.8 * math.exp(.258 * z[0]), 2143 * math.exp(.421 * z[1]), 1.817 + .02566 * z[2], .3473 + .0154 * z[0],
                     .3672 + .0206 * z[1]))
    table("boot", "k,A,B,E,alpha,beta", boot)
    fit = {"law": "chinchilla", "verdict": "weak", "params": {k: {"value": v} for k, v in zip(
        ("E", "A", "B", "alpha", "beta"), (1.69, 406.4, 410.7, 0.34, 0.28))},
        "covariance": {"names": ["alpha", "beta"], "matrix": [[1e-4, 0], [0, 1e-4]]}}
    text("fit.json", json.dumps(fit))
    text("noE.json", json.dumps({**fit, "params": {k: v for k, v in fit["params"].items() if k != "E"}}))
    text("cov.json", json.dumps({**fit, "covariance": {"names": ["alpha", "beta"], "matrix": [[-1, 0], [0, 1e-4]]}}))
    text("array.json", "[1]")
    text("cut.json", '{"law": "chin')
    names, corr = ("E", "A", "B", "alpha", "beta"), [[1, .58, .604, .58, .604], [.58, 1, -.273, .9995, -.273],
                                                      [.604, -.273, 1, -.273, .9995], [.58, .9995, -.273, 1, -.273], [.604, -.273, .9995, -.273, 1]]
    values = [(1.8172181, .02566, 1.769, 1.871), (477.825868, 124, 285.214, 743.626), (2143.417363, 1293, 1042.357, 5810.344),
              (.3473105, .0154, .317, .373), (.36717243, .0206, .331, .415)]
    text("correlated.json", json.dumps({
        "law": "chinchilla", "level": 0.95, "verdict": "weak", "params": {n: dict(zip(("value", "se", "lo", "hi"), v)) for n, v in zip(names, values)},
        "correlation": {n: dict(zip(names, c)) for n, c in zip(names, corr)}}))
    config = {"model_type": "gpt_neox", "num_hidden_layers": 6, "hidden_size": 512, "num_attention_heads": 7, "intermediate_size": 2048,
              "vocab_size": 50304, "max_position_embeddings": 2048}
    text("heads.json", json.dumps(config))
    text("llama.json", json.dumps({**config, "model_type": "llama"}))
    text("gpt2.json", json.dumps({"model_type": "gpt2", "n_layer": 12, "n_embd": 768, "n_head": 12, "n_inner": None, "vocab_size": 50257,
                                  "n_positions": 1024}))
    head = ("Paper,Date,Category,Task,Task details,Architecture,Loss,Dependent Variable,Scaling Variable 1,Scaling Variable 2,Type,"
            "Functional form,Exponent 1,Exponent 2,Irreducible loss,Parameter values,Compute range (FLOP),,Data range (mixed),,Data unit,"
            "Size range (parameters),,Additional Conditions,Scaling strategy")
    t = "\r\n".join([
        head, 'Both,1 Jan 2020,"Text, code",LM,x,T,CE,Loss,Parameters,Data,sum,"L(N,D) = AN^-a + BD^-b + E",0.34,0.28,1.69,'
        '"A=406.4, a=0.34, B=410.7, b=0.28, E=1.69",6.00E+18,3.00E+21,1E+07,1E+09,Tokens,2E+07,1.6E+10,,',
        'Only N,2 Jan 2020,Text,LM,x,T,CE,Loss,Parameters,,p,L(N) = AN^-a + E,0.5,,2,"A=5.87e\u22122, a=0.5",,,,,,,,,',
        'Two,2 Jan 2020,Text,LM,x,T,CE,Loss,Data,,p,L(D) = BD^-b,0.2,,,"B=3, b=0.2",,,,,,,,,',
        'Two,2 Jan 2020,Text,LM,x,T,CE,Loss,Parameters,,p,L(N) = AN^-a,0.4,,,"A=3, a=0.4",,,,,,,,,', "Blank,2 Jan 2020,,,,,,,,,,,,,,,,,,,,,,,"])
    text("t.csv", t)
    text("bad-number.csv", t.replace("0.34,0.28,1.69", "0.34,x,1.69"))
    text("bad-param.csv", t.replace("A=406.4, a", "A=406.4, ="))
    text("bad-column.csv", t.replace("Functional form", "Form"))


def write_texts():
    r = random.Random(1)
    words = ["the", "of", "zebra", "na\u00efve", "\u4e2d\u6587", "x1", "\n", "  ", "\U0001f600", "it's"]
    texts = [" ".join(r.choice(words) for _ in range(r.randrange(60))) for _ in range(300)]
    texts[5] = ""
    lines = [json.dumps({"meta": {"i": i, "text": "not this"}, "text": t}, ensure_ascii=i % 2 == 0) + "\n" for i, t in enumerate(texts)]
    files = {"texts.jsonl": "".join(lines), "bad.jsonl": "".join(lines[:123]) + '{"text": "abc\n', "empty.txt": "", "empty.jsonl": "",
             "blank.jsonl": '{"text":"a"}\n\n{"text":""}\n  \r\n{"text":"b \\ud800 c"}', "body.jsonl": '{"body": "x", "text": 1}\n', "plain.zst": texts[0],
             **{f"{i}.txt": texts[i] for i in range(3)}}
    for name, content in files.items():
        with open("in/" + name, "w", encoding="utf-8", newline="") as f:
            f.write(content)
    for name, content in (("invalid.txt", b"a\xff\xe2\x82 some text that is long enough"), ("0.txt.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\3\3\0\0\0\0\0\0\0\0\0")):
        with open("in/" + name, "wb") as f:
            f.write(content)


def write_evals():
    """A few of each layout of Pythia's evaluation files."""
    def put(path, content):
        os.makedirs(os.path.dirname("evals/" + path), exist_ok=True)
        with open("evals/" + path, "w", encoding="utf-8") as f:
            json.dump(content, f)

    def results(nats, bits=None):
        o = {"piqa": {"acc": 0.6, "acc_stderr": 0.01, "acc_norm": 0.61, "acc_norm_stderr": 0.01},
             "lambada_openai": {"ppl": math.exp(nats), "ppl_stderr": 0.1, "acc": 0.5, "acc_stderr": 0.01}}
        if bits:
            o["wikitext"] = {"word_perplexity": 2 ** (bits * 5.35), "byte_perplexity": 2 ** bits, "bits_per_byte": bits}
        return o

    for size, nats, bits in (("70m", 4.58, None), ("160m", 3.19, .936), ("410m", 2.46, .8398), ("1.4b", 1.88, .7566), ("12b", 1.365, .6556)):
        put(f"pythia-v0/pythia-{size}/zero-shot/{size}-0shot-global_step143000_eval_results_2023-02-07.json",
            {"results": results(nats, bits), "versions": {}, "config": {"model": "neox", "model_args": {"padded_vocab_size": 50304}, "num_fewshot": 0}})
        put(f"pythia-v1/pythia-{size}/zero-shot/{size}_step143000.json",
            {"results": results(nats + .01), "versions": {},
             "config": {"model": "hf-causal", "model_args": f"pretrained=EleutherAI/pythia-v1.1-{size},revision=step143000", "num_fewshot": 0}})
    put("pythia-v1/pythia-70m/five-shot/70m-5shot_step3000.json",
        {"results": results(5.5), "versions": {}, "config": {"model": "hf-causal", "model_args": "pretrained=EleutherAI/pythia-70m,revision=step3000", "num_fewshot": 5}})
    put("bias-evals/winobias/70m_step1.json", {"results": [{"a": 1}], "table_results": {}, "config": {}})
    put("opt/opt-125m.json", {"results": results(3), "versions": {}, "config": {"model": "hf-causal", "model_args": "pretrained=facebook/opt-125m", "num_fewshot": 0}})


def prepare(folder, program):
    """The layout both programs see; they are called by the same relative names."""
    os.makedirs(folder)
    os.chdir(folder)
    os.makedirs("in")
    os.makedirs("out")
    os.symlink(os.path.abspath(program), "tripod")
    shutil.copytree(ROOT + "/tests/golden/folders", "folders")
    shutil.copytree(ROOT + "/models/demo", "demo", ignore=shutil.ignore_patterns("*.tripod"))
    for source, name in (("tests/data/epoch_chinchilla.csv", "in/runs.csv"), ("LICENSE", "in/LICENSE"), ("tests/golden/tokenizer_small.json", "small.json"),
                         ("tests/golden/tokenizer_odd.json", "odd.json"), *((f"tests/golden/demo/doc{i}.txt", f"in/doc{i}.txt") for i in (1, 2, 3))):
        shutil.copy2(os.path.join(ROOT, source), name)
    write_tables()
    write_texts()
    write_evals()


def commands():
    """(line, masks numbers) in the order they run; later ones read what earlier ones wrote."""
    blocks = [GENERAL]
    for c in COMMANDS:
        blocks.append(f"help {c}\n{c} --help\n{c} --usage\n{c} --no-such-option\n{c} --threads x\n{c} --threads=0\n")
    laws = "power power-constant chinchilla tied additive kaplan coupled repeated steps broken broken2 broken3".split()
    quick = "--bootstrap 0 --no-profile --grid 2"
    for law in laws:
        blocks.append("".join(f"{'*' if table == 'exact' else ''}fit {law} in/{table}.csv {quick}\n" for table in ("exact", "points")))
    blocks.append("".join(f"fit chinchilla in/noisy.csv --objective {o} --bootstrap 0 --budget 1e22\n"
                          for o in ("huber:1e-3", "huber:auto", "huber:0.1", "lad", "logls", "ls", "asym:3")))
    blocks.append("".join(f"fit chinchilla in/bad-{n}.csv\n" for n in BAD_CSV))
    blocks.append("".join(f"allocate --preset {p} --budget 1e21 -C 1e22\nallocate --preset {p} -N 1B -D 20B --json\n"
                          for p in "hoffmann hoffmann-tex epoch epoch-bootstrap epoch-optimum kaplan".split()))
    sizes = "14m 31m 70m 160m 410m 1b 1.4b 2.8b 6.9b 12b".split()
    blocks.append("".join(f"count pythia-{s}\n" for s in sizes))
    blocks += [IMPORT, INFO, TOKENIZE, SCAN, FIT, ALLOCATE, COUNT, EPOCH, EVALS, BENCH]
    if os.path.isdir(SHARED):
        blocks.append(REAL.replace("$S", os.path.abspath(SHARED)))
    else:
        print(f"SKIP the commands on real data: {SHARED} is not here")
    for line in (x for b in blocks for x in b.replace("'odd\nname'", "'odd\\nname'").split("\n")):
        masked = line.startswith("~")
        twice = line.startswith("*")
        line = line.lstrip("~*")
        if not line and masked:
            continue
        if line:
            yield line, masked
        if twice:
            yield line + " --json", masked


# What must differ, by key.
TIMES = re.compile(rb'"(date|cpu|seconds|tokens_per_s|mfu|cpu_seconds|mtime|wall_seconds|busy|peak_rss\w*)": (?:"[^"]*"|\{[^}]*\}|[-+.\w]+)')
TIMES_INFO = re.compile(rb"^(seconds|tokens_per_s|mfu|date)\t.*$", re.M)  # as tripod info shows them
COMMAND = re.compile(rb'"command": \[[^\]]*\]')
NUMBER = re.compile(rb"[ ]*[0-9][0-9.e+]*")


def plain(data, folder):
    """Bytes with the folder's own name and what must differ taken out."""
    data = TIMES.sub(rb'"\1": -', data.replace(os.fsencode(folder), b"."))
    return COMMAND.sub(b'"command": []', TIMES_INFO.sub(rb"\1\t-", data))


def content(path, folder):
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith(".pdf"):
        return b"(a figure with a date)"
    if data[:6] == b"TRIPOD":  # the provenance ends the file and has a checksum at 24, its size at 72, the file's at 16
        provenance, = struct.unpack_from("<Q", data, 64)
        return hashlib.sha256(data[80:248] + data[256:provenance]).hexdigest().encode() + b"\n" + plain(data[provenance:], folder)
    if path.endswith((".npy", ".bin", ".idx", ".png")):
        return f"{len(data)} bytes, {hashlib.sha256(data).hexdigest()}\n".encode()
    return plain(data, folder)


def state(folder):
    found = {}
    for top, folders, names in os.walk(folder):
        for n in names:
            s = os.lstat(os.path.join(top, n))
            found[os.path.relpath(os.path.join(top, n), folder)] = (s.st_ino, s.st_size, s.st_mtime_ns)
    return found


class Side:
    """One program in its folder."""

    def __init__(self, folder, program):
        self.folder = folder
        self.env = {**os.environ, "HF_HUB_CACHE": folder + "/hub", "XDG_CACHE_HOME": folder + "/cache", "LC_ALL": "C.UTF-8"}
        prepare(folder, program)
        self.files = state(folder)

    def run(self, line, masked, cpu):
        """What the command did: {what: bytes}."""
        line, _, stdin = line.partition(" < ")
        argv = ["./tripod"] + [a.replace("\\n", "\n") for a in shlex.split(line)]
        with open(os.path.join(self.folder, stdin) if stdin else os.devnull, "rb") as f:
            try:
                p = subprocess.run(argv, cwd=self.folder, env=self.env, stdin=f, capture_output=True, timeout=LIMIT,
                                   preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
                code, out, err = p.returncode, p.stdout, p.stderr
            except subprocess.TimeoutExpired:
                code, out, err = f"none after {LIMIT} s", b"", b""
        out = plain(out, self.folder)
        if argv[1:2] == ["scan"] and not out.startswith(b"{"):
            out = re.sub(rb"[ \t]+\S+$", b"", out, flags=re.M)  # tokens/s
        if masked:
            out = NUMBER.sub(b"#", out)
        did = {"exit code": str(code).encode(), "stdout": out, "stderr": plain(err.split(b"\n")[0], self.folder)}
        now = state(self.folder)
        for name in now:
            if self.files.get(name) != now[name]:
                did["file " + name] = content(os.path.join(self.folder, name), self.folder)
        for name in self.files.keys() - now.keys():
            did["file " + name] = b"(removed)"
        self.files = now
        return did


def difference(a, b):
    a, b = ([] if x is None else x.decode("utf-8", "backslashreplace").splitlines() for x in (a, b))
    lines = list(difflib.unified_diff(a, b, "old", "new", lineterm="", n=0))[2:]
    return [x[:200] for x in lines[:10]] + ([f"... {len(lines) - 10} more"] if len(lines) > 10 else [])


def main():
    arguments = sys.argv[1:]
    only = re.compile(arguments.pop(arguments.index("--only") + 1) if "--only" in arguments else "")
    listed = "--list" in arguments
    programs = [os.path.abspath(a) for a in arguments if not a.startswith("--")]
    lines = [x for x in commands() if only.search(x[0])]
    if listed:
        print("\n".join(x[0] for x in lines))
        return 0
    if len(programs) != 2:
        print(__doc__)
        return 2
    for p in programs:
        if not os.access(p, os.X_OK):
            print(f"{p}: not a program")
            return 2
    differ = 0
    cpus = sorted(os.sched_getaffinity(0))
    cpus = [cpus[0], cpus[-1]]
    with tempfile.TemporaryDirectory(prefix="same-output-") as scratch, ThreadPoolExecutor(2) as pool:
        sides = [Side(f"{os.path.realpath(scratch)}/{name}", p) for name, p in zip(("old", "new"), programs)]
        for line, masked in lines:
            old, new = pool.map(lambda side, cpu: side.run(line, masked, cpu), sides, cpus)
            parts = [k for k in {**old, **new} if old.get(k) != new.get(k)]
            differ += bool(parts)
            for part in parts:
                missing = f" (only in {'new' if part not in old else 'old'})" if part not in old or part not in new else ""
                print(f"DIFFERS tripod {line}: {part}{missing}")
                for x in difference(old.get(part), new.get(part)):
                    print("    " + x)
        os.chdir(ROOT)
    print(f"{len(lines)} commands, {differ} differ")
    return 1 if differ else 0


sys.exit(main())
