"""Plates that never existed: regions as data, drawing, weather and whole scenes."""

from plate_ocr.synthesis.generator import CropGenerator, SyntheticCrop
from plate_ocr.synthesis.region import Region, RegionError, load_regions

__all__ = ["CropGenerator", "Region", "RegionError", "SyntheticCrop", "load_regions"]
