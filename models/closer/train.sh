#!/bin/sh
# Trains the shipped closer look: three runs, each from the weights of the one before; the last two are
# averaged. Give the folder with scenes/labels.csv, scenes/plate_free.csv, fonts and glyphs.
set -eu
plates=${1:?give the folder of the plates}
# On CPUs without AVX-512 TensorFlow leaves oneDNN off unless asked; it is worth a third.
export TF_ENABLE_ONEDNN_OPTS=1
for run in 1 2 3; do
    plate-ocr train-detector "$plates/scenes/labels.csv" --config "models/closer/train-$run.json" \
        --output "runs/closer-$run" --backgrounds "$plates/scenes/plate_free.csv" --fonts "$plates/fonts" \
        --glyphs "$plates/glyphs"
done
plate-ocr average runs/closer-2 runs/closer-3 --share 0.5 --output runs/closer
plate-ocr export runs/closer --int8 "$plates/scenes/labels.csv" --split train
