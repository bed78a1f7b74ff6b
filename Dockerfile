# Reads plates; trains nothing, so no TensorFlow inside.
#   docker build -t plate-ocr .
#   docker run --rm -v "$PWD/photos:/photos" plate-ocr recognize /photos --output /photos/plates.csv
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY plate_ocr plate_ocr
COPY models models
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -rf /wheels \
    && useradd --create-home --uid 1000 reader
USER reader
WORKDIR /photos
VOLUME /photos
ENTRYPOINT ["plate-ocr"]
CMD ["--help"]
