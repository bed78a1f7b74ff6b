#!/bin/sh
# Trains the shipped closer look: two runs, the second from the weights of the first. Give the folder with
# scenes/labels.csv, scenes/plate_free.csv, fonts and glyphs.
set -eu
plates=${1:?give the folder of the plates}
# On CPUs without AVX-512 TensorFlow leaves oneDNN off unless asked; it is worth a third.
export TF_ENABLE_ONEDNN_OPTS=1
for run in 1 2; do
    plate-ocr train-detector "$plates/scenes/labels.csv" --config "models/closer/train-$run.json" \
        --output "runs/closer-$run" --backgrounds "$plates/scenes/plate_free.csv" --fonts "$plates/fonts" \
        --glyphs "$plates/glyphs"
done
plate-ocr export runs/closer-2 --int8 "$plates/scenes/labels.csv" --split train
