# tripod import: names, places, every failure with its one line, nothing left behind.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
G=$ROOT/tests/golden/folders
export HF_HUB_CACHE=$T/hub
mkdir "$T/hub"

# has NAME REGEX: the last command's stdout has a line that matches.
has() {
    if grep -Eq "$2" "$T/out"; then echo "ok $1"; else echo "FAIL $1: no line like $2"; code=1; fi
}
# absent NAME FILE...: none of them exists, nor a part of one.
absent() {
    local name=$1 f
    shift
    for f in "$@"; do
        if compgen -G "$f*" >/dev/null; then echo "FAIL $name: $(compgen -G "$f*") was left"; code=1; return; fi
    done
    echo "ok $name"
}
# A copy of a golden folder: copy FOLDER NAME.
copy() { mkdir -p "$T/$2" && cp "$G/$1"/* "$T/$2/" && chmod -R u+w "$T/$2"; }

ok import_safetensors "$TRIPOD" import "$G/st-hub" -o "$T/a.tripod"
ok import_pytorch "$TRIPOD" import "$G/bin-sharded" -o "$T/b.tripod"
ok import_verify "$TRIPOD" info --verify --tensors "$T/a.tripod"
# same NAME A B: two flat files hold the same tensors.
same() {
    "$TRIPOD" info --json --tensors "$2" "$3" >"$T/out" 2>"$T/err"
    if python3 - "$T/out" <<'PY'
import json, sys
a, b = (f["tensor_list"] for f in json.load(open(sys.argv[1]))["files"])
assert len(a) == 28 and a == b
PY
    then echo "ok $1"; else echo "FAIL $1"; code=1; fi
}
terminal import_terminal 80 "$TRIPOD" import "$G/st-hub" "$G/st-f16" -o "$T/two/"
has import_terminal_row '^st-f16 +- +6592 +28 +[0-9.]+ kB +[0-9.]+ [mu]?s'
# What was made before a failure is told.
"$TRIPOD" import "$G/st-f16" "$G/bad-shape" -o "$T/two/" >"$T/out" 2>"$T/err"
has import_first_of_two '/two/st-f16.tripod: st-f16, 6.59K parameters without embeddings, 28 tensors$'
if [ "$(wc -l <"$T/out")" -eq 1 ]; then echo "ok import_first_of_two_only"; else echo "FAIL import_first_of_two_only: $(head -c 300 "$T/out")"; code=1; fi
same import_same_tensors "$T/a.tripod" "$T/b.tripod"
ok import_one_thread "$TRIPOD" import "$G/st-hub" -o "$T/c.tripod" --threads 1
same import_threads "$T/a.tripod" "$T/c.tripod"

# Names and steps.
copy st-hub pythia-14m/step1000
copy bin pythia-14m-step2000
copy st-hub odd
ok import_many "$TRIPOD" import "$T/pythia-14m/step1000" "$T/pythia-14m-step2000/" "$T/odd" -o "$T/many" --json
has import_many_json '"step": 2000,'
for f in pythia-14m-step1000 pythia-14m-step2000 odd; do
    if [ -s "$T/many/$f.tripod" ]; then echo "ok import_$f"; else echo "FAIL import_$f: $(ls "$T/many")"; code=1; fi
done
ok import_info "$TRIPOD" info "$T/many/pythia-14m-step2000.tripod"
has import_info_model '^model	pythia-14m$'
has import_info_step '^step	2000$'
has import_info_tokens '^tokens_seen	4194304000$'
ok import_override "$TRIPOD" import "$T/odd" -o "$T/named" --name pythia-31m --step 4
ok import_override_info "$TRIPOD" info "$T/named"
has import_override_model '^model	pythia-31m$'
has import_override_tokens '^tokens_seen	8388608$'
ok import_step_tokens "$TRIPOD" import "$T/odd" -o "$T/own" --name tiny --step 10 --step-tokens 4K
ok import_step_tokens_info "$TRIPOD" info "$T/own"
has import_step_tokens_seen '^tokens_seen	40000$'
fails import_collision 'both .* would be written' "$TRIPOD" import "$T/odd" "$G/../folders/st-hub" "$T/odd" -o "$T/two"
mkdir -p "$T/hub/models--EleutherAI--pythia-14m/refs" "$T/hub/models--EleutherAI--pythia-14m/snapshots"
cp -r "$G/bin" "$T/hub/models--EleutherAI--pythia-14m/snapshots/c0ffee"
printf c0ffee >"$T/hub/models--EleutherAI--pythia-14m/refs/step512"
ok import_hub "$TRIPOD" import EleutherAI/pythia-14m@step512 -o "$T/hubbed/"
if [ -s "$T/hubbed/pythia-14m-step512.tripod" ]; then echo "ok import_hub_name"; else echo "FAIL import_hub_name"; code=1; fi
fails import_hub_absent 'hf download EleutherAI/pythia-14m --revision step1$' "$TRIPOD" import EleutherAI/pythia-14m@step1 -o "$T/x"

# Misuse.
misuse import_no_folder 'expected a folder' "$TRIPOD" import -o "$T/x"
misuse import_no_output 'expected -o' "$TRIPOD" import "$G/st-hub"
misuse import_bad_step 'step' "$TRIPOD" import "$G/st-hub" -o "$T/x" --step many
misuse import_bad_name 'name' "$TRIPOD" import "$G/st-hub" -o "$T/x" --name a/b

# What is not a model.
fails import_missing 'nowhere: cannot open: No such file' "$TRIPOD" import "$T/nowhere" -o "$T/x"
fails import_file 'found a file' "$TRIPOD" import "$G/corpus.bin" -o "$T/x"
mkdir "$T/empty"
fails import_empty 'empty: not a model: it has no config.json' "$TRIPOD" import "$T/empty" -o "$T/x"
cp "$G/st-hub/config.json" "$T/empty/"
fails import_no_weights 'empty: no weights: expected model.safetensors' "$TRIPOD" import "$T/empty" -o "$T/x"
echo 'not JSON' >"$T/empty/config.json"
fails import_config_text 'config.json: line 1' "$TRIPOD" import "$T/empty" -o "$T/x"
: >"$T/empty/config.json"
fails import_config_empty 'config.json: the file is empty' "$TRIPOD" import "$T/empty" -o "$T/x"

# The golden folders that must be refused.
fails import_old_torch "pytorch_model.bin: PyTorch's format from before 1.6" "$TRIPOD" import "$G/bad-old-torch" -o "$T/x"
fails import_tensor_missing 'bad-missing/(model.safetensors|pytorch_model.bin): gpt_neox.layers.1.mlp.dense_4h_to_h.bias is missing$' "$TRIPOD" import "$G/bad-missing" -o "$T/x"
fails import_tensor_shape 'dense_h_to_4h.weight: expected shape \[48, 16\], found \[64, 16\]$' "$TRIPOD" import "$G/bad-shape" -o "$T/x"
fails import_activation 'config.json: hidden_act: expected gelu.* found relu$' "$TRIPOD" import "$G/bad-act" -o "$T/x"
fails import_rope 'config.json: rope_scaling: .*linear' "$TRIPOD" import "$G/bad-rope-scaling" -o "$T/x"

# Damage. put FILE OFFSET BYTES (printf's escapes).
put() { printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
copy st-hub cut
truncate -s -100 "$T/cut/model.safetensors"
fails import_truncated 'model.safetensors: .*outside the file|model.safetensors: expected .* bytes of data' "$TRIPOD" import "$T/cut" -o "$T/x"
truncate -s 500 "$T/cut/model.safetensors"
fails import_header_longer 'model.safetensors: header: it says it has [0-9]+ bytes, the file has 500' "$TRIPOD" import "$T/cut" -o "$T/x"
truncate -s 3 "$T/cut/model.safetensors"
fails import_no_header 'truncated: 3 bytes' "$TRIPOD" import "$T/cut" -o "$T/x"
: >"$T/cut/model.safetensors"
fails import_empty_weights 'model.safetensors: the file is empty' "$TRIPOD" import "$T/cut" -o "$T/x"
# A file with one changed header: header FOLDER PYTHON-EXPRESSION on the dict h.
header() {
    copy st-hub "$1"
    python3 - "$T/$1/model.safetensors" "$2" <<'PY'
import json, struct, sys
d = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", d[:8])[0]
h = json.loads(d[8 : 8 + n])
exec(sys.argv[2])
s = json.dumps(h).encode()
open(sys.argv[1], "wb").write(struct.pack("<Q", len(s)) + s + d[8 + n :])
PY
}
header overlap 'a=h["gpt_neox.final_layer_norm.bias"]; b=h["gpt_neox.final_layer_norm.weight"]; b["data_offsets"]=a["data_offsets"]'
fails import_overlap 'model.safetensors: gpt_neox.final_layer_norm.*overlapping' "$TRIPOD" import "$T/overlap" -o "$T/x"
header range 'a=h["embed_out.weight"]; o=a["data_offsets"]; a["data_offsets"]=[o[0]+10**12,o[1]+10**12]'
fails import_range 'model.safetensors: embed_out.weight: data offsets 10.* are outside the file' "$TRIPOD" import "$T/range" -o "$T/x"
header ints 'h["embed_out.weight"]["dtype"]="I16"'
fails import_type 'embed_out.weight: expected element type F16, BF16 or F32, found I16' "$TRIPOD" import "$T/ints" -o "$T/x"
header extra 'h["gpt_neox.layers.2.mlp.dense_h_to_4h.bias"]=dict(dtype="F16",shape=[0],data_offsets=[0,0])'
fails import_extra 'unexpected tensor gpt_neox.layers.2.mlp.dense_h_to_4h.bias' "$TRIPOD" import "$T/extra" -o "$T/x"
header nohead 'h["lm_head.weight"]=h.pop("embed_out.weight")'
ok import_lm_head "$TRIPOD" import "$T/nohead" -o "$T/lm"
header noprefix '
for k in [k for k in h if k.startswith("gpt_neox.")]: h[k[9:]]=h.pop(k)'
ok import_no_prefix "$TRIPOD" import "$T/noprefix" -o "$T/np"
same import_lm_head_same "$T/a.tripod" "$T/lm"
same import_no_prefix_same "$T/a.tripod" "$T/np"
# Weights that are not finite are named: the checkpoint's own row and column, the value.
# poison FOLDER FROM TENSOR INDEX BITS: element INDEX of the tensor gets these bits.
poison() {
    copy "$2" "$1"
    python3 - "$T/$1/model.safetensors" "$3" "$4" "$5" <<'PY'
import json, struct, sys
d = bytearray(open(sys.argv[1], "rb").read())
n = struct.unpack("<Q", d[:8])[0]
t = json.loads(d[8 : 8 + n])[sys.argv[2]]
size = 4 if t["dtype"] == "F32" else 2
at = 8 + n + t["data_offsets"][0] + int(sys.argv[3]) * size
d[at : at + size] = int(sys.argv[4], 16).to_bytes(size, "little")
open(sys.argv[1], "wb").write(d)
PY
}
poison inf st-hub gpt_neox.layers.1.attention.query_key_value.weight 163 fc00
fails import_infinite 'inf/model.safetensors: gpt_neox.layers.1.attention.query_key_value.weight\[10, 3\]: expected a finite number, found -inf$' "$TRIPOD" import "$T/inf" -o "$T/x"
fails import_infinite_scan '\[10, 3\]: expected a finite number, found -inf$' "$TRIPOD" scan -m "$T/inf" -c "$G/corpus" -o "$T/losses-inf"
poison nan st-bf16 gpt_neox.final_layer_norm.bias 15 ffff
fails import_nan 'gpt_neox.final_layer_norm.bias\[15\]: expected a finite number, found nan$' "$TRIPOD" import "$T/nan" -o "$T/x"

# Without a tensor, or without the number of layers.
copy st-hub blank
printf '\002\0\0\0\0\0\0\0{}' >"$T/blank/model.safetensors"
fails import_no_tensors 'blank/model.safetensors: gpt_neox.embed_in.weight is missing$' "$TRIPOD" import "$T/blank" -o "$T/x"
copy st-hub layers
for text in '' '"num_hidden_layers": null,'; do
    echo "{\"model_type\": \"gpt_neox\", $text \"hidden_size\": 16, \"num_attention_heads\": 2, \"intermediate_size\": 64, \"vocab_size\": 200}" >"$T/layers/config.json"
    fails import_no_layers 'layers/model.safetensors: gpt_neox.layers.2.input_layernorm.weight is missing \(/.*/layers/config.json does not say num_hidden_layers: 44 were assumed\)$' "$TRIPOD" import "$T/layers" -o "$T/x"
done
copy st-hub pointer
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n' >"$T/pointer/model.safetensors"
fails import_lfs 'Git LFS pointer' "$TRIPOD" import "$T/pointer" -o "$T/x"

# Shards.
copy st-hub-sharded shard
rm "$T/shard/model-00002-of-00003.safetensors"
fails import_shard_missing 'index.json: the shard model-00002-of-00003.safetensors it names is missing' "$TRIPOD" import "$T/shard" -o "$T/x"
copy bin-sharded shard2
sed -i 's/00001-of/00002-of/' "$T/shard2/pytorch_model.bin.index.json"
fails import_shard_wrong 'index.json: .* is not in pytorch_model-00002-of-00003.bin' "$TRIPOD" import "$T/shard2" -o "$T/x"
sed -i 's|pytorch_model-00002-of|../shard2/pytorch_model-00002-of|' "$T/shard2/pytorch_model.bin.index.json"
fails import_shard_outside 'a shard must be a file of this folder' "$TRIPOD" import "$T/shard2" -o "$T/x"
copy st-hub-sharded shard4
sed -i 's/"num_hidden_layers": 2/"num_hidden_layers": 3/' "$T/shard4/config.json"
fails import_shard_tensor 'shard4/model.safetensors.index.json: gpt_neox.layers.2.input_layernorm.weight is missing$' "$TRIPOD" import "$T/shard4" -o "$T/x"
copy bin-sharded shard3
cp "$T/shard3/pytorch_model-00001-of-00003.bin" "$T/shard3/pytorch_model-00002-of-00003.bin"
fails import_shard_twice 'pytorch_model-0000[12]-of-00003.bin|index.json: ' "$TRIPOD" import "$T/shard3" -o "$T/x"
echo '{"weight_map": {}}' >"$T/shard3/pytorch_model.bin.index.json"
fails import_no_map 'weight_map' "$TRIPOD" import "$T/shard3" -o "$T/x"

# PyTorch files. zip FOLDER PYTHON: rewrites the archive with entries changed in the dict z.
rezip() {
    copy bin "$1"
    python3 - "$T/$1/pytorch_model.bin" "$2" <<'PY'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as f:
    z = {n.split("/", 1)[1]: f.read(n) for n in f.namelist()}
method = zipfile.ZIP_STORED
exec(sys.argv[2])
with zipfile.ZipFile(sys.argv[1], "w", method) as f:
    for n, d in z.items():
        f.writestr("archive/" + n, d)
PY
}
rezip same ''
ok import_rezipped "$TRIPOD" import "$T/same" -o "$T/same.tripod"
rezip evil 'z["data.pkl"]=b"\x80\x02cos\nsystem\nX\x06\x00\x00\x00touch \x85R."'
fails import_forbidden 'pytorch_model.bin: byte 2 of the pickle: forbidden global os.system .*nothing was executed' "$TRIPOD" import "$T/evil" -o "$T/x"
rezip nothing 'z={"data.pkl": b"\x80\x02}q\x00."}'
fails import_no_storages 'nothing/pytorch_model.bin: gpt_neox.embed_in.weight is missing$' "$TRIPOD" import "$T/nothing" -o "$T/x"
rezip minus 'z["data/7"]=z["data/7"][:-2]+b"\x00\xfc"'
fails import_infinite_torch 'minus/pytorch_model.bin: gpt_neox.*[0-9]\]: expected a finite number, found -inf$' "$TRIPOD" import "$T/minus" -o "$T/x"
rezip bigend 'z["byteorder"]=b"big"'
fails import_big_endian 'byteorder: expected little, found big' "$TRIPOD" import "$T/bigend" -o "$T/x"
rezip deflated 'method=zipfile.ZIP_DEFLATED'
fails import_compressed 'expected a stored entry, found a compressed one' "$TRIPOD" import "$T/deflated" -o "$T/x"
rezip nostore 'del z["data/7"]'
fails import_storage_missing 'storage 7 is missing' "$TRIPOD" import "$T/nostore" -o "$T/x"
rezip shorter 'z["data/7"]=z["data/7"][:-2]'
fails import_storage_short 'storage 7: expected 256 elements of 2 bytes, found 510 bytes' "$TRIPOD" import "$T/shorter" -o "$T/x"
rezip nopickle 'del z["data.pkl"]'
fails import_no_pickle 'no data.pkl' "$TRIPOD" import "$T/nopickle" -o "$T/x"
rezip zip64 'zipfile.ZIP64_LIMIT=20'
ok import_zip64 "$TRIPOD" import "$T/zip64" -o "$T/zip64.tripod"
same import_zip64_same "$T/b.tripod" "$T/zip64.tripod"
# Archives that lie: patch FOLDER PYTHON with the bytes d, the entry i of data/7 and where its directory row is, c.
patch() {
    copy bin "$1"
    python3 - "$T/$1/pytorch_model.bin" "$2" <<'PY'
import struct, sys, zipfile
f = zipfile.ZipFile(sys.argv[1])
i = f.getinfo("pytorch_model/data/7")
d = bytearray(open(sys.argv[1], "rb").read())
c = d.rindex(b"pytorch_model/data/7") - 46
assert d[c:c + 4] == b"PK\1\2"
exec(sys.argv[2])
open(sys.argv[1], "wb").write(d)
PY
}
patch encrypted 'd[c+8]|=1'
fails import_encrypted 'pytorch_model.bin: pytorch_model/data/7: the entry is encrypted' "$TRIPOD" import "$T/encrypted" -o "$T/x"
patch twice 'd[c:]=d[c:].replace(b"data/8",b"data/7",1)'
fails import_zip_twice 'pytorch_model/data/7: two entries of the archive have this name' "$TRIPOD" import "$T/twice" -o "$T/x"
patch nul 'd[c+46+3]=0'
fails import_zip_nul 'zip entry [0-9]+: its name has a NUL byte' "$TRIPOD" import "$T/nul" -o "$T/x"
patch elsewhere 'd[c+42:c+46]=struct.pack("<I",i.header_offset+1)'
fails import_zip_place 'pytorch_model/data/7: its place or size does not fit' "$TRIPOD" import "$T/elsewhere" -o "$T/x"
patch outside 'd[c+42:c+46]=b"\xff\xff\xff\x7f"'
fails import_zip_outside 'pytorch_model/data/7: its place or size does not fit' "$TRIPOD" import "$T/outside" -o "$T/x"
patch local 'd[i.header_offset+26]+=1'
fails import_zip_local 'pytorch_model/data/7: its header differs from' "$TRIPOD" import "$T/local" -o "$T/x"
patch long 'n=struct.pack("<I",1<<31); d[c+20:c+28]=n+n'
fails import_zip_long 'storage 7: expected 256 elements of 2 bytes, found 2147483648 bytes' "$TRIPOD" import "$T/long" -o "$T/x"
patch row 'd[c]=0'
fails import_zip_row 'zip entry [0-9]+ cannot be read' "$TRIPOD" import "$T/row" -o "$T/x"
patch more 'd[-12:-10]=b"\xff\x7f"'
fails import_zip_count 'its two end records differ' "$TRIPOD" import "$T/more" -o "$T/x"
copy bin crc
python3 - "$T/crc/pytorch_model.bin" <<'PY'
import sys, zipfile
f = zipfile.ZipFile(sys.argv[1])
i = f.getinfo("pytorch_model/data/9")
d = bytearray(open(sys.argv[1], "rb").read())
at = d.index(f.read(i))
d[at + 100] ^= 1
open(sys.argv[1], "wb").write(d)
PY
fails import_crc 'data/9: CRC error: the data is damaged' "$TRIPOD" import "$T/crc" -o "$T/x"
fails import_crc_info 'data/9: CRC error' "$TRIPOD" info --verify "$T/crc"
truncate -s 9000 "$T/crc/pytorch_model.bin"
fails import_zip_cut 'not a readable zip archive' "$TRIPOD" import "$T/crc" -o "$T/x"
echo 'hello, world' >"$T/crc/pytorch_model.bin"
fails import_no_zip 'not a PyTorch file' "$TRIPOD" import "$T/crc" -o "$T/x"
absent import_nothing_left "$T/x"

# The output.
fails import_no_directory 'none/x: cannot write: No such file' "$TRIPOD" import "$G/st-hub" -o "$T/none/x"
fails import_unwritable '/proc/x: cannot write' "$TRIPOD" import "$G/st-hub" -o /proc/x
mkdir "$T/many/odd2.tripod"
fails import_directory 'it is a directory' "$TRIPOD" import "$T/odd" -o "$T/many" --name odd2

# A full disk, and a folder that cannot be written, need a small file system of their own.
if [ "$(id -u)" -eq 0 ] && mkdir "$T/disk" && mount -t tmpfs -o size=24k tmpfs "$T/disk" 2>/dev/null; then
    fails import_full_disk 'disk/x.tripod: cannot write: No space left on device' "$TRIPOD" import "$G/st-hub" -o "$T/disk/x.tripod"
    absent import_full_disk_nothing_left "$T/disk/x"
    umount "$T/disk"
    mount -t tmpfs -o size=1m tmpfs "$T/disk" && cp "$G/st-hub"/* "$T/disk/" && mount -o remount,ro "$T/disk"
    fails import_read_only 'disk/x: cannot write: Read-only file system' "$TRIPOD" import "$T/disk" -o "$T/disk/x"
    # A folder that cannot be written is imported into the user's cache.
    ok import_cache env XDG_CACHE_HOME="$T/xdg" "$TRIPOD" scan -m "$T/disk" -c "$G/corpus" -o "$T/losses"
    if compgen -G "$T/xdg/tripod/*.tripod" >/dev/null; then echo "ok import_cache_place"; else echo "FAIL import_cache_place"; code=1; fi
    umount "$T/disk"
else
    echo "SKIP import_full_disk: only root can mount a small file system"
fi

# Interrupted: a model large enough to be caught at work; the part is gone, no output.
python3 - "$T/large" <<'PY'
import json, os, struct, sys
H, L, V = 1024, 12, 8192
os.mkdir(sys.argv[1])
json.dump(dict(model_type="gpt_neox", hidden_size=H, num_hidden_layers=L, num_attention_heads=8,
               intermediate_size=4 * H, vocab_size=V), open(sys.argv[1] + "/config.json", "w"))
t = {"gpt_neox.embed_in.weight": [V, H], "embed_out.weight": [V, H],
     "gpt_neox.final_layer_norm.weight": [H], "gpt_neox.final_layer_norm.bias": [H]}
for i in range(L):
    p = f"gpt_neox.layers.{i}."
    for n in ("input_layernorm", "post_attention_layernorm"):
        t[p + n + ".weight"] = t[p + n + ".bias"] = [H]
    for n, r, c in (("attention.query_key_value", 3 * H, H), ("attention.dense", H, H),
                    ("mlp.dense_h_to_4h", 4 * H, H), ("mlp.dense_4h_to_h", H, 4 * H)):
        t[p + n + ".weight"], t[p + n + ".bias"] = [r, c], [r]
at, h = 0, {}
for n, s in t.items():
    size = 2 * s[0] * (s[1] if len(s) > 1 else 1)
    h[n] = dict(dtype="F16", shape=s, data_offsets=[at, at + size])
    at += size
s = json.dumps(h).encode()
with open(sys.argv[1] + "/model.safetensors", "wb") as f:
    f.write(struct.pack("<Q", len(s)) + s)
    f.truncate(8 + len(s) + at)
PY
for signal in INT TERM; do
    caught=0
    for _ in $(seq 30); do # it may be too quick for us
        # A shell's background jobs ignore SIGINT unless told otherwise.
        env --default-signal=$signal "$TRIPOD" import "$T/large" -o "$T/interrupted" >"$T/out" 2>"$T/err" &
        pid=$!
        until compgen -G "$T/interrupted.part*" >/dev/null || ! kill -0 $pid 2>/dev/null; do sleep 0.005; done
        kill -$signal $pid 2>/dev/null
        wait $pid
        status=$?
        [ $status -gt 128 ] && caught=1 && break
        rm -f "$T/interrupted"
    done
    number=$(kill -l $signal)
    if [ $caught -eq 1 ] && [ $status -eq $((128 + number)) ]; then
        echo "ok import_signal_$signal"
    else
        echo "FAIL import_signal_$signal: exit $status"
        code=1
    fi
    absent import_signal_${signal}_nothing_left "$T/interrupted"
done
exit $code
