#!/bin/sh
# Trains both stages on what lies beside this script, within a given time, and leaves all there is to take home in out/:
#   weights/   weights and manifest for the page, with rules and temperatures chosen on the validation split
#   report.html, metrics.jsonl, val.txt, log.txt
#
#   sh train.sh [MINUTES] [SETTINGS]    e.g. sh train.sh 12 --set stage1.batch=128; 12 minutes unless told
#   sh train.sh rehearse                ten steps of each stage on the processor: is everything there?
#
# Needs the program `trainer` beside it (or TRAINER=PATH), built for the GPU: cargo build --release -p trainer --features cuda
set -eu
cd "$(dirname "$0")"
trainer=${TRAINER:-./trainer}
began=$(date +%s)
say() { echo "[$(($(date +%s) - began)) s] $*"; }

rehearsal=
minutes=${1:-12}
[ $# -eq 0 ] || shift
if [ "$minutes" = rehearse ]; then
    rehearsal=yes
    minutes=30
fi
if [ -n "$rehearsal" ]; then device=cpu; else device=${DEVICE:-cuda}; fi
rm -rf out trial trial.csv
mkdir out

images=$(($(wc -l < train.csv) - 1))
# So many of the training images, spread over the file, which may be sorted by age.
some() { awk -v step=$((images / $1 + 1)) 'NR == 1 || NR % step == 0' train.csv > trial.csv; }

# Trains so many epochs of stage 1 and one of stage 2 on them.
trial() {
    epochs=$1
    shift
    "$trainer" --device "$device" train config.toml "$@" --set data.train=trial.csv --set stage1.epochs="$epochs" \
        --set stage2.epochs=1 --out trial
}

if [ -n "$rehearsal" ]; then
    run=trial
    say "ten steps of each stage"
    # Of a step's images some are faces without an age.
    some $((10 * $(sed -n 's/^batch = \([0-9]*\)$/\1/p' config.toml | head -1)))
    trial 1 "$@" 2>&1 | tee out/log.txt
else
    run=run
    rm -rf run
    # The first epoch compiles kernels; the second says how quick the machine is.
    some 2000
    say "how quick is it?"
    trial 2 "$@" 2>&1 | tee out/trial.txt
    rate=$(sed -n 's/^stage 1 epoch .*; \([0-9]*\) images\/s.*/\1/p' out/trial.txt | tail -1)
    # A fifth of the time is kept for reading, validation, export and report; faces without an age are a fifth of each step.
    left=$(((minutes * 60 - ($(date +%s) - began)) * 8 / 10))
    epochs=$((left * rate * 8 / 10 / images))
    second=$((epochs / 5))
    [ "$second" -ge 1 ] || second=1
    first=$((epochs - second))
    [ "$first" -ge 1 ] || first=1
    say "$rate images/s: $first and $second epochs"
    # Ctrl-C when the time is nearly up: the checkpoint stays, and `trainer train --resume run` goes on.
    timeout -s INT $((minutes * 60 - ($(date +%s) - began))) "$trainer" --device "$device" train config.toml \
        --set stage1.epochs="$first" --set stage2.epochs="$second" "$@" --out run 2>&1 | tee out/log.txt
fi

cp "$run/metrics.jsonl" "$run/config.toml" out/
"$trainer" export "$run" --out out/weights --choose --began-with "what ${run}'s origin.toml names as its start" \
    2>&1 | tee out/val.txt
"$trainer" --device cpu report "$run" --split val --out out/report.html
say "done: take home $(pwd)/out"
