# tripod count: reference tables, configs, misuse.
# SPDX-License-Identifier: GPL-3.0-or-later
. "$(dirname "$0")/lib.sh"
has() { # NAME REGEX: the last command's stdout has a line that matches
    if grep -Pq "$2" "$T/out"; then echo "ok $1"; else echo "FAIL $1: no line like $2"; code=1; fi
}
ok count_one "$TRIPOD" count pythia-70m --context 512
has count_body '^body\t18915328$'
has count_total '^total\t70426624$'
has count_forward '^forward\t956[0-9]{5}\t'
ok count_pythia "$TRIPOD" count --table pythia
has count_pythia_12b '^pythia-12b\t36\t5120\t40\t20480\t50688\t11327027200\t11586549760\t11846072320\t'
ok count_a9 "$TRIPOD" count --table a9
has count_a9_corrected '^3530\t36\t2688\t22\t128\t10752\t3468\.9339\t3530\.8884\t\+0\.025'
ok count_a4 "$TRIPOD" count --table a4
has count_a4_ratio '^20\t1024\t16\t305707008\t4135248199680\t3756527714304\t1\.100817\t'
ok count_gpt "$TRIPOD" count --family gpt --layers 12 --width 768 --heads 12
has count_gpt_head '^head\t123653376$'
ok count_tokens "$TRIPOD" count pythia-12b --tokens 299892736000
has count_training '^6N-body\t6.79621632e\+10\t[0-9.]+\t2\.03814e\+22\t'
ok count_json "$TRIPOD" count pythia-70m pythia-160m --json
if python3 - "$T/out" <<'PY'
import json, sys
m = json.load(open(sys.argv[1]))["models"]
assert [x["n"]["body"] for x in m] == [18915328, 85056000]
assert m[0]["training_flop"]["6N-total"]["per_token"] == 6 * 70426624
PY
then echo "ok count_json_values"; else echo "FAIL count_json_values"; code=1; fi
mkdir "$T/m"
cat >"$T/m/config.json" <<'JSON'
{"model_type": "gpt_neox", "num_hidden_layers": 6, "hidden_size": 512, "num_attention_heads": 8,
 "intermediate_size": 2048, "vocab_size": 50304, "max_position_embeddings": 2048, "pad_token_id": null}
JSON
ok count_folder "$TRIPOD" count "$T/m"
has count_folder_total '^total\t70426624$'
sed 's/"num_attention_heads": 8/"num_attention_heads": 7/' "$T/m/config.json" >"$T/heads.json"
fails count_heads 'heads.json: heads: 7 do not divide the width 512' "$TRIPOD" count "$T/heads.json"
sed 's/gpt_neox/llama/' "$T/m/config.json" >"$T/llama.json"
fails count_type "llama.json: model_type: expected gpt_neox, gpt_neo or gpt2, found 'llama'" "$TRIPOD" count "$T/llama.json"
sed 's/512/-512/' "$T/m/config.json" >"$T/neg.json"
fails count_negative 'neg.json: hidden_size: expected a whole number' "$TRIPOD" count "$T/neg.json"
echo '{"model_type": ' >"$T/cut.json"
fails count_cut 'cut.json: line [0-9]+:' "$TRIPOD" count "$T/cut.json"
fails count_unknown 'pythia-71m: neither a file' "$TRIPOD" count pythia-71m
fails count_empty_folder 'config.json: cannot open: No such file' "$TRIPOD" count "$T"
cat >"$T/gpt2.json" <<'JSON'
{"model_type": "gpt2", "n_layer": 12, "n_embd": 768, "n_head": 12, "n_inner": null, "vocab_size": 50257, "n_positions": 1024}
JSON
ok count_gpt2 "$TRIPOD" count "$T/gpt2.json"
has count_gpt2_total '^total\t124439808$'
# TinyStories-33M's shape. Kaplan's N is the published gradient's 28,329,984 and the layer norms.
cat >"$T/neo.json" <<'JSON'
{"model_type": "gpt_neo", "num_layers": 4, "hidden_size": 768, "num_heads": 16, "vocab_size": 50257, "window_size": 256,
 "max_position_embeddings": 2048, "intermediate_size": null, "attention_types": [[["global", "local"], 2]]}
JSON
ok count_neo "$TRIPOD" count "$T/neo.json" --context 1024
has count_neo_body "^body\t$((28329984 + 4 * 4 * 768 + 2 * 768))\$"
has count_neo_total '^total\t68514048$'
# 2 N_head + 4 d (2 layers of 1024 + 2 of (511 * 2048 - 256 * 255) / 4096)
has count_neo_forward "^forward\t$((2 * (28329984 + 13824 + 50257 * 768) + 4 * 768 * 2 * 1024 + 768 * 2 * (511 * 2048 - 256 * 255) / 1024))\t"
sed 's/2\]\]/3]]/' "$T/neo.json" >"$T/layers.json"
fails count_neo_layers 'layers.json: attention_types: expected num_layers = 4 of them, found 6' "$TRIPOD" count "$T/layers.json"
misuse count_nothing 'give one of' "$TRIPOD" count
misuse count_family "found 'rnn'" "$TRIPOD" count --family rnn
misuse count_shape 'needs --layers' "$TRIPOD" count --layers 3
exit $code
