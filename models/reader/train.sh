#!/bin/sh
# Trains the shipped reader: four runs, each from the weights of the one before. Give the folder with crops/labels.csv,
# scenes/plate_free.csv, fonts and glyphs.
set -eu
plates=${1:?give the folder of the plates}
# On CPUs without AVX-512 TensorFlow leaves oneDNN off unless asked; it is worth a third.
export TF_ENABLE_ONEDNN_OPTS=1
for run in 1 2 3 4; do
    plate-ocr train "$plates/crops/labels.csv" --config "models/reader/train-$run.json" --output "runs/reader-$run" \
        --fonts "$plates/fonts" --glyphs "$plates/glyphs" --backgrounds "$plates/scenes/plate_free.csv"
done
