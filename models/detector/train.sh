#!/bin/sh
# Trains the shipped detector: five runs, each from the weights of the one before; the last two are averaged. Give the
# folder with scenes/labels.csv, scenes/plate_free.csv, fonts and glyphs.
set -eu
plates=${1:?give the folder of the plates}
# On CPUs without AVX-512 TensorFlow leaves oneDNN off unless asked; it is worth a third.
export TF_ENABLE_ONEDNN_OPTS=1
for run in 1 2 3 4 5; do
    plate-ocr train-detector "$plates/scenes/labels.csv" --config "models/detector/train-$run.json" \
        --output "runs/detector-$run" --backgrounds "$plates/scenes/plate_free.csv" --fonts "$plates/fonts" \
        --glyphs "$plates/glyphs"
done
plate-ocr average runs/detector-4 runs/detector-5 --share 0.4 --output runs/detector
plate-ocr export runs/detector --int8 "$plates/scenes/labels.csv" --split train
