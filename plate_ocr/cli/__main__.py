"""`python -m plate_ocr.cli`, for where the script is not on the path."""

from plate_ocr.cli import main

if __name__ == "__main__":
    main(prog_name="plate-ocr")
