#!/bin/sh
# Trains the shipped reader: sixteen runs, each from the weights of the one before; the sixth and the last ones from the
# eighth on are averaged.
# Give the folder with crops/labels.csv, scenes/labels.csv, scenes/plate_free.csv, fonts and glyphs.
set -eu
plates=${1:?give the folder of the plates}
# On CPUs without AVX-512 TensorFlow leaves oneDNN off unless asked; it is worth a third.
export TF_ENABLE_ONEDNN_OPTS=1
train() {
    run=$1
    shift
    plate-ocr train "$plates/crops/labels.csv" "$@" --config "models/reader/train-$run.json" --output "runs/reader-$run" \
        --fonts "$plates/fonts" --glyphs "$plates/glyphs" --backgrounds "$plates/scenes/plate_free.csv"
}
for run in 1 2 3 4; do
    train "$run"
done
# From here on plates without a text count too, as the fourth reader reads them where it is sure; and a few samples show
# no plate: pieces of photos from beside theirs.
plate-ocr dataset label "$plates/scenes/labels.csv" "$plates/crops/labels.csv" --split train,unlabelled \
    --model runs/reader-4 --output runs/pseudo
for run in 5 6 7 8; do
    train "$run" runs/pseudo/labels.csv --scenes "$plates/scenes/labels.csv"
done
plate-ocr average runs/reader-6 runs/reader-8 --share 0.7 --output runs/reader-6-8
# The next ones take up what it reads by now.
plate-ocr dataset label "$plates/scenes/labels.csv" "$plates/crops/labels.csv" --split train,unlabelled \
    --model runs/reader-6-8 --output runs/pseudo-9
for run in 9 10; do
    train "$run" runs/pseudo-9/labels.csv --scenes "$plates/scenes/labels.csv"
done
plate-ocr average runs/reader-6-8 runs/reader-9 --share 0.5 --output runs/reader-6-8-9
plate-ocr average runs/reader-6-8-9 runs/reader-10 --share 0.3 --output runs/reader-6-10
# Chinese provinces as narrow as they are, and more of them.
for run in 11 12; do
    train "$run" runs/pseudo-9/labels.csv --scenes "$plates/scenes/labels.csv"
done
plate-ocr average runs/reader-6-10 runs/reader-11 --share 0.5 --output runs/reader-6-11
plate-ocr average runs/reader-6-11 runs/reader-12 --share 0.33 --output runs/reader-6-12
# Of Chinese plates as many as of Korean ones.
train 13 runs/pseudo-9/labels.csv --scenes "$plates/scenes/labels.csv"
plate-ocr average runs/reader-6-12 runs/reader-13 --share 0.4 --output runs/reader-6-13
# Of all crops 30 % made hard to read.
train 14 runs/pseudo-9/labels.csv --scenes "$plates/scenes/labels.csv"
plate-ocr average runs/reader-6-13 runs/reader-14 --share 0.5 --output runs/reader-6-14
# Uzbekistan's and Tunisia's plates of two lines as they stand.
train 15 runs/pseudo-9/labels.csv --scenes "$plates/scenes/labels.csv"
plate-ocr average runs/reader-6-14 runs/reader-15 --share 0.85 --output runs/reader-6-15
# Longer, and plates of two lines also with these side by side.
plate-ocr dataset label "$plates/scenes/labels.csv" "$plates/crops/labels.csv" --split train,unlabelled \
    --model runs/reader-6-15 --output runs/pseudo-16
train 16 runs/pseudo-16/labels.csv --scenes "$plates/scenes/labels.csv"
plate-ocr average runs/reader-6-15 runs/reader-16 --share 0.3 --output runs/reader
# No real crop is left that it has not seen; drawn ones that are as hard as real ones stand in for them.
plate-ocr synthesize -n 4000 --seed 98 --strength 0.5 --output runs/calibration
plate-ocr calibrate runs/calibration/labels.csv --model runs/reader
plate-ocr export runs/reader --int8 "$plates/crops/labels.csv" --split train
