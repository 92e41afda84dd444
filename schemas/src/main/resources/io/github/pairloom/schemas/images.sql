-- One row per distinct image of the sources, by the bytes of its file. The bytes stay where
-- they are, but for images in Parquet columns, which are copied into files of the warehouse.
CREATE TABLE IF NOT EXISTS {table} (
  image_id STRING NOT NULL COMMENT 'SHA-256 of the image file\'s bytes, 64 hex digits; the key',
  uri STRING NOT NULL COMMENT 'File that holds the bytes: the image itself, or the tar it lies in',
  byte_offset BIGINT NOT NULL COMMENT 'Where the bytes start in the file, in bytes; 0 for a file of its own',
  byte_length BIGINT NOT NULL COMMENT 'Number of bytes',
  format STRING NOT NULL COMMENT 'Format by its magic bytes: jpeg, png, gif, bmp or webp',
  width INT NOT NULL COMMENT 'Width in pixels, after the EXIF rotation',
  height INT NOT NULL COMMENT 'Height in pixels, after the EXIF rotation',
  source STRING NOT NULL COMMENT 'Name of the source (recipe key source.name) that brought it first',
  pixels_sha256 STRING NOT NULL COMMENT 'SHA-256 over width, height and the upright pixels in 8-bit RGB, 64 hex digits: equal for one picture coded twice without loss',
  perceptual_hash STRING NOT NULL COMMENT 'What the picture looks like: signs of its lowest frequencies, 256 bits as 64 hex digits; pictures that look alike differ in few bits'
) USING delta
COMMENT 'Distinct images by content; bytes are read where they are used, never shuffled'
TBLPROPERTIES (
  'delta.constraints.image_id_is_sha256' = 'image_id RLIKE "^[0-9a-f]{64}$"',
  'delta.constraints.hashes_are_hex' = 'pixels_sha256 RLIKE "^[0-9a-f]{64}$" AND perceptual_hash RLIKE "^[0-9a-f]{64}$"',
  'delta.constraints.bytes_lie_in_a_file' = 'byte_offset >= 0 AND byte_length > 0',
  'delta.constraints.has_pixels' = 'width > 0 AND height > 0'
)
