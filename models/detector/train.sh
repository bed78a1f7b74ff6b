#!/bin/sh
# Trains the shipped detector: seven runs, each from the weights of the one before, the sixth from the mean of runs 4 and
# 5. Give the folder with scenes/labels.csv, scenes/plate_free.csv, fonts and glyphs.
set -eu
plates=${1:?give the folder of the plates}
# On CPUs without AVX-512 TensorFlow leaves oneDNN off unless asked; it is worth a third.
export TF_ENABLE_ONEDNN_OPTS=1
train() { # train NUMBER
    plate-ocr train-detector "$plates/scenes/labels.csv" --config "models/detector/train-$1.json" \
        --output "runs/detector-$1" --backgrounds "$plates/scenes/plate_free.csv" --fonts "$plates/fonts" \
        --glyphs "$plates/glyphs"
}
for run in 1 2 3 4 5; do
    train "$run"
done
plate-ocr average runs/detector-4 runs/detector-5 --share 0.4 --output runs/detector-4-5
train 6
train 7
plate-ocr export runs/detector-7 --int8 "$plates/scenes/labels.csv" --split train
