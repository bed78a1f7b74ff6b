#!/bin/sh
# Trains the shipped closer look: four runs, each from the weights of the one before, the last from the mean of runs 2
# and 3. Give the folder with scenes/labels.csv, scenes/plate_free.csv, fonts and glyphs.
set -eu
plates=${1:?give the folder of the plates}
# On CPUs without AVX-512 TensorFlow leaves oneDNN off unless asked; it is worth a third.
export TF_ENABLE_ONEDNN_OPTS=1
train() { # train NUMBER
    plate-ocr train-detector "$plates/scenes/labels.csv" --config "models/closer/train-$1.json" \
        --output "runs/closer-$1" --backgrounds "$plates/scenes/plate_free.csv" --fonts "$plates/fonts" \
        --glyphs "$plates/glyphs"
}
for run in 1 2 3; do
    train "$run"
done
plate-ocr average runs/closer-2 runs/closer-3 --share 0.5 --output runs/closer
train 4
plate-ocr export runs/closer-4 --int8 "$plates/scenes/labels.csv" --split train
