"""Power cuts, played through: from what shim.c wrote down, the directory as it may be after a cut at any point.

replay.py LOG BASE REFERENCE OUT STATES SEED COMMAND...
BASE is the directory before (may be empty), REFERENCE what uninterrupted runs leave. For every cut OUT is built STATES times and
COMMAND, which writes to OUT, is run on it. What was synced is there. Of the rest anything may be: a write missing, there, or torn;
a new name, a new name for an old file, a removal missing until the directory is synced. Before the command no final name may have
anything but a whole file, losses only with their record; after it, losses and moments must be the reference's, and no part be left.
SPDX-License-Identifier: GPL-3.0-or-later
"""
import json
import os
import random
import re
import shutil
import subprocess
import sys

SECTOR = 512


class File:
    def __init__(self, data=b""):
        self.data, self.writes, self.synced = data, [], 0

    def content(self, rng, mode):
        """The bytes that are there; MODE: what of the unsynced writes is: none, all, some."""
        data = bytearray(self.data)

        def put(at, part):
            if len(data) < at + len(part):
                data.extend(bytes(at + len(part) - len(data)))
            data[at:at + len(part)] = part

        for i, (kind, *w) in enumerate(self.writes):
            fate = "all" if i < self.synced or mode == "all" else "none" if mode == "none" else rng.choice(["none", "all", "torn"])
            if fate == "none":
                continue
            if kind == "truncate":
                del data[w[0]:]
            if kind in ("truncate", "allocate"):
                put(w[0], b"")
            elif fate == "all":
                put(*w)
            else:  # some sectors, one of them in part
                at, part = w
                for first in range(at - at % SECTOR, at + len(part), SECTOR):
                    if rng.random() < 0.5:
                        lo, hi = max(at, first), min(at + len(part), first + SECTOR)
                        hi = rng.randint(lo, hi) if rng.random() < 0.5 else hi
                        put(lo, part[lo - at:hi - at])
        return bytes(data)


class Disk:
    def __init__(self, base):
        self.files = {}  # by inode: who has that number now
        self.start = {name: File(open(os.path.join(base, name), "rb").read()) for name in os.listdir(base)}
        self.now = dict(self.start)
        self.changes, self.synced = [], 0

    def event(self, line):
        op, *a = line.rstrip("\n").split("\t")
        if op == "create":
            self.files[a[1]] = self.now[a[0]] = File()
            self.changes.append(("create", a[0], self.now[a[0]]))
        elif op == "open":
            self.files[a[1]] = self.now[a[0]]
        elif op == "write":
            self.files[a[0]].writes.append(("write", int(a[1]), bytes.fromhex(a[2])))
        elif op in ("truncate", "allocate"):
            self.files[a[0]].writes.append((op, int(a[1])))
        elif op == "sync":
            self.files[a[0]].synced = len(self.files[a[0]].writes)
        elif op == "syncdir":
            self.synced = len(self.changes)
        elif op == "rename":
            self.now[a[1]] = self.now.pop(a[0])
            self.changes.append(("rename", a[0], self.now[a[1]], a[1]))
        elif op == "unlink":
            self.changes.append(("unlink", a[0], self.now.pop(a[0])))
        else:
            sys.exit(f"unknown event {op}")

    def names(self, rng, mode):
        names = dict(self.start)
        last = rng.randint(self.synced, len(self.changes))  # some: all up to here, or any
        in_order = rng.random() < 0.5
        for i, (kind, name, file, *to) in enumerate(self.changes):
            if i >= self.synced and mode != "all":
                if mode == "none" or (i >= last if in_order else rng.random() < 0.5):
                    continue
            if kind == "create":
                names[name] = file
            elif names.get(name) is file:  # else what came before is missing
                del names[name]
                if kind == "rename":
                    names[to[0]] = file
        return names

    def build(self, out, rng, mode):
        shutil.rmtree(out, ignore_errors=True)
        os.makedirs(out)
        for name, file in self.names(rng, mode).items():
            with open(os.path.join(out, name), "wb") as f:
                f.write(file.content(rng, mode))


def read(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()


def losses_of(*directories):
    """The bytes of all losses, by their key."""
    found = {}
    for d in directories:
        for name in os.listdir(d):
            if name.endswith(".npy"):
                found[json.loads(read(d, name[:-4] + ".json"))["key"]] = read(d, name)
    return found


def check_before(out, known, reference):
    for name in os.listdir(out):
        if ".part-" in name:
            continue
        if name.endswith(".npy"):
            record = json.loads(read(out, name[:-4] + ".json"))
            assert read(out, name) == known[record["key"]], f"{name} is not what its record says"
        elif name.endswith(".json"):
            json.loads(read(out, name))
        else:
            assert read(out, name) == read(reference, name), f"{name} is not whole"


def check_after(out, reference):
    for name in os.listdir(reference):
        assert os.path.exists(os.path.join(out, name)), f"{name} is missing"
        if name.endswith(".npy"):
            assert read(out, name) == read(reference, name), f"{name} differs"
            a, b = (json.loads(read(d, name[:-4] + ".json")) for d in (out, reference))
            assert a["moments"] == b["moments"] and a["key"] == b["key"], f"{name}: moments differ"
    left = [name for name in os.listdir(out) if re.search(r"\.npy\.part-", name)]
    assert not left, f"{left} left"


def main(log, base, reference, out, states, seed, *command):
    with open(log, encoding="utf-8") as f:
        events = f.readlines()
    known = losses_of(base, reference)
    disk, modes, runs = Disk(base), ["some", "none", "some", "all"], 0
    for cut in range(len(events) + 1):
        for state in range(int(states)):
            mode = modes[(cut + state) % len(modes)]
            rng = random.Random(f"{seed} {cut} {state}")
            disk.build(out, rng, mode)
            where = f"cut {cut} of {len(events)}, state {state} ({mode}), seed {seed}, before {events[cut:cut + 1]!r:.120}"
            try:
                check_before(out, known, reference)
                run = subprocess.run(command, capture_output=True, text=True, check=False)
                assert run.returncode == 0, f"exit {run.returncode}: {run.stderr}"
                check_after(out, reference)
            except (AssertionError, OSError, ValueError, KeyError) as why:
                sys.exit(f"{where}: {why!r}")
            runs += 1
        if cut < len(events):
            disk.event(events[cut])
    print(f"{len(events)} events, {runs} states")


main(*sys.argv[1:])
