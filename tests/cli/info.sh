# tripod info: every kind of file, --verify, failures.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
G=$ROOT/tests/golden/folders
export HF_HUB_CACHE=$T/hub
has() {
    if grep -Eq "$2" "$T/out"; then echo "ok $1"; else echo "FAIL $1: no line like $2"; code=1; fi
}
"$TRIPOD" import "$G/st-mixed" -o "$T/m.tripod" >/dev/null
ok info_model "$TRIPOD" info --verify --tensors "$T/m.tripod"
has info_model_kind '^kind	model$'
has info_model_verified '^verified	true$'
has info_model_parameters '^parameters	6592$'
has info_model_type '^type	f32 f16 bf16$'
has info_model_tensor '^tensor	gpt_neox.layers.1.mlp.dense_h_to_4h.weight	bf16	\[64, 16\]	panels$'
ok info_folder "$TRIPOD" info "$G/bin-views"
has info_folder_format '^format	pytorch$'
ok info_corpus "$TRIPOD" info --verify "$G/corpus"
has info_corpus_tokens '^tokens	127$'
has info_corpus_type '^type	uint16$'
ok info_idx "$TRIPOD" info "$G/corpus.idx" "$G/corpus.bin"
ok info_array "$TRIPOD" info --verify "$G/losses.npy"
has info_array_shape '^shape	\[121\]$'
has info_array_mean '^mean	[0-9.]+$'
echo '{"law": "power", "params": {"a": {"value": 1.5}}, "verdict": "fits"}' >"$T/fit.json"
ok info_fit "$TRIPOD" info "$T/fit.json"
has info_fit_kind '^kind	fit$'
has info_fit_verdict '^verdict	fits$'
# kind NAME JSON KIND: a record is what its format says, another result what its keys tell.
kind() { echo "$2" >"$T/kind.json"; ok "$1" "$TRIPOD" info "$T/kind.json"; has "$1_kind" "^kind	$3\$"; }
for k in losses gradients gradient similarity clusters corpus matrix parity; do
    kind "info_$k" "{\"format\": \"tripod-$k 1\", \"law\": 5, \"runs\": [], \"sketch\": 6, \"mean_loss\": 1}" $k
done
kind info_another_format '{"format": "jsonl", "law": "power"}' fit
kind info_no_version '{"format": "tripod-matrix", "mean_loss": 1}' losses
kind info_runs '{"runs": [{"model": "m"}]}' scan
kind info_number_of_runs '{"runs": 4}' json
kind info_sketch '{"sketch": {"size": 4}}' gradients
ok info_json "$TRIPOD" info --json "$T/m.tripod" "$G/corpus" "$G/losses.npy"
if python3 -c 'import json,sys
f = json.load(open(sys.argv[1]))["files"]
assert [x["kind"] for x in f] == ["model", "corpus", "array"]
assert f[0]["provenance"]["sources"][1]["file"] == "model.safetensors"' "$T/out"
then echo "ok info_json_values"; else echo "FAIL info_json_values"; code=1; fi

terminal info_terminal 80 "$TRIPOD" info "$T/m.tripod" "$G/corpus" "$T/fit.json"
has info_terminal_total '^parameters_total +12\.99 K$'
has info_terminal_step '^step +-$'
if grep -q '^provenance\|^gpt_neox' "$T/out"; then echo "FAIL info_terminal_brief: $(grep -m 1 '^prov\|^gpt' "$T/out")"; code=1; else echo "ok info_terminal_brief"; fi
terminal info_terminal_details 80 "$TRIPOD" info --details "$T/m.tripod"
has info_terminal_provenance '^provenance +\{"command": \["tripod"'
has info_terminal_tensor '^gpt_neox.layers.1.mlp.dense_h_to_4h.weight +bf16 +\[64, 16\] +panels$'
ok info_pipe_details "$TRIPOD" info --details "$T/m.tripod"
if cmp -s "$T/out" <("$TRIPOD" info "$T/m.tripod"); then echo "ok info_pipe_details_same"; else echo "FAIL info_pipe_details_same"; code=1; fi
if grep -q '^$' "$T/out"; then echo "FAIL info_pipe_no_gap"; code=1; else echo "ok info_pipe_no_gap"; fi
ok info_tsv "$TRIPOD" info "$T/m.tripod"
cp "$T/out" "$T/pipe"
terminal info_terminal_tsv 1000 "$TRIPOD" info --tsv "$T/m.tripod"
if cmp -s "$T/out" "$T/pipe"; then echo "ok info_terminal_tsv_same"; else echo "FAIL info_terminal_tsv_same"; code=1; fi

# Damage that only --verify sees: the last byte of a tensor's data.
cp "$T/m.tripod" "$T/bad.tripod"
python3 - "$T/bad.tripod" <<'PY'
import struct, sys
d = bytearray(open(sys.argv[1], "rb").read())
entry = struct.unpack_from("<Q", d, 32)[0] + 64 * 5
offset, size = struct.unpack_from("<QQ", d, entry + 32)
d[offset + size - 1] ^= 1
open(sys.argv[1], "wb").write(d)
PY
ok info_damage_unseen "$TRIPOD" info "$T/bad.tripod"
fails info_damage 'bad.tripod: gpt_neox.layers.0.attention.query_key_value.weight: its checksum is wrong' "$TRIPOD" info --verify "$T/bad.tripod"
truncate -s -1 "$T/bad.tripod"
fails info_truncated 'bad.tripod: truncated or extended' "$TRIPOD" info "$T/bad.tripod"
truncate -s 100 "$T/bad.tripod"
fails info_header 'bad.tripod: header: expected 256 bytes, the file has 100' "$TRIPOD" info "$T/bad.tripod"
cp "$G/losses.npy" "$T/l.npy"
echo '{"predictions": 120, "mean_loss": 1}' >"$T/l.json"
fails info_losses_count 'predictions: its .json says 120, found 121' "$TRIPOD" info --verify "$T/l.npy"
echo '{"predictions": 121, "mean_loss": 1}' >"$T/l.json"
fails info_losses_mean 'the mean is .*, its .json says 1' "$TRIPOD" info --verify "$T/l.npy"
cp "$G/corpus.bin" "$T/c.bin"; cp "$G/corpus.idx" "$T/c.idx"
echo '{"corpus_hash": "0000000000000000"}' >"$T/c.json"
fails info_corpus_hash 'checksum is .*, its .json says 0000000000000000' "$TRIPOD" info --verify "$T/c"
cp "$G/corpus.bin" "$T/lonely.bin"; cp "$G/corpus.bin" "$T/shards-00000-of-00000.bin"
fails info_no_idx 'lonely.idx: cannot open: No such file' "$TRIPOD" info "$T/lonely"
fails info_no_idx_shards 'shards.idx: cannot open: No such file' "$TRIPOD" info "$T/shards"
fails info_missing 'nowhere: cannot open' "$TRIPOD" info "$T/nowhere"
fails info_other 'not a file this program writes or reads' "$TRIPOD" info "$ROOT/Makefile"
: >"$T/empty"
fails info_empty 'not a file this program' "$TRIPOD" info "$T/empty"
fails info_second 'nowhere' "$TRIPOD" info "$T/m.tripod" "$T/nowhere"
fails info_folder_no_model 'not a model' "$TRIPOD" info "$T"
misuse info_nothing 'expected FILE' "$TRIPOD" info
exit $code
