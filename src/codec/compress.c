#include "codec/compress.h"

#include "base/checked.h"
#include <libdeflate.h>
#include <limits.h>
#include <lz4.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <zstd.h>

enum {
  ZSTD_LEVEL_DEFAULT = 1,
  DEFLATE_LEVEL_DEFAULT = 6,
  DEFLATE_LEVEL_MAX = 12,
  /// First guess of the output where nothing tells it; it doubles from there.
  OUTPUT_STEP = 64 * 1024,
  XERIAL_HEADER_SIZE = 16
};

struct ice_compressor {
  ZSTD_CCtx *zstd_out;
  ZSTD_DCtx *zstd_in;
  LZ4F_dctx *lz4_in;
  struct libdeflate_compressor *deflate_out;
  int deflate_level;
  struct libdeflate_decompressor *deflate_in;
};

ice_status ice_compressor_create(ice_compressor **out, ice_error *err) {
  *out = calloc(1, sizeof **out);
  return *out ? ICE_OK : ice_error_set(err, ICE_NO_MEMORY, "out of memory for a compressor");
}

void ice_compressor_destroy(ice_compressor *compressor) {
  if (!compressor) {
    return;
  }
  ZSTD_freeCCtx(compressor->zstd_out);
  ZSTD_freeDCtx(compressor->zstd_in);
  LZ4F_freeDecompressionContext(compressor->lz4_in);
  libdeflate_free_compressor(compressor->deflate_out);
  libdeflate_free_decompressor(compressor->deflate_in);
  free(compressor);
}

const char *ice_codec_name(ice_codec codec) {
  switch (codec) {
    case ICE_CODEC_NONE: return "none";
    case ICE_CODEC_SNAPPY: return "snappy";
    case ICE_CODEC_SNAPPY_JAVA: return "snappy-java";
    case ICE_CODEC_ZSTD: return "zstd";
    case ICE_CODEC_LZ4_RAW: return "lz4";
    case ICE_CODEC_LZ4_FRAME: return "lz4-frame";
    case ICE_CODEC_GZIP: return "gzip";
    case ICE_CODEC_DEFLATE: return "deflate";
  }
  return "unknown";
}

static ice_status corrupt(ice_codec codec, const char *what, ice_error *err) {
  return ice_error_set(err, ICE_CORRUPT, "%s: %s", ice_codec_name(codec), what);
}

static ice_status no_context(ice_codec codec, ice_error *err) {
  return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a %s context", ice_codec_name(codec));
}

// Bytes that may still be appended.
static size_t room(const ice_bytes *out) { return out->size_max > out->size ? out->size_max - out->size : 0; }

static ice_status over_limit(ice_codec codec, const ice_bytes *out, ice_error *err) {
  return ice_error_set(err, ICE_LIMIT, "%s: the decompressed data exceed the limit of %zu bytes",
                       ice_codec_name(codec), out->size_max);
}

// Bytes that can be written at data + size now: memory that is there, up to the ceiling.
static size_t writable(const ice_bytes *out) {
  size_t there = out->capacity - out->size;
  return there < room(out) ? there : room(out);
}

// More writable memory than now, within the ceiling; LIMIT when there is none to be had.
static ice_status extend(ice_codec codec, ice_bytes *out, ice_error *err) {
  size_t left = room(out);
  size_t now = writable(out);
  if (now >= left) {
    return over_limit(codec, out, err);
  }
  size_t wanted = now > SIZE_MAX / 2 ? left : now * 2;
  wanted = wanted < OUTPUT_STEP ? OUTPUT_STEP : wanted;
  return ice_bytes_reserve(out, wanted < left ? wanted : left, err);
}

// A first reservation: the hint, else a guess from the size of the input, never above the ceiling.
static ice_status reserve_first(ice_bytes *out, size_t size, size_t size_hint, ice_error *err) {
  size_t wanted = size_hint;
  if (wanted == 0 && !ice_mul_size(size, 3, &wanted)) {
    wanted = size;
  }
  wanted = wanted < room(out) ? wanted : room(out);
  if (wanted == 0) {
    wanted = room(out) == 0 ? 0 : 1;
  }
  return ice_bytes_reserve(out, wanted, err);
}

// Compression -------------------------------------------------------------------------------------------------------

static ice_status compress_snappy(const void *data, size_t size, ice_bytes *out, ice_error *err) {
  size_t bound = snappy_max_compressed_length(size);
  ice_status status = ice_bytes_reserve(out, bound, err);
  if (status == ICE_OK) {
    if (snappy_compress(size ? data : "", size, (char *)out->data + out->size, &bound) != SNAPPY_OK) {
      return ice_error_set(err, ICE_INTERNAL, "snappy: compression failed");
    }
    out->size += bound;
  }
  return status;
}

static ice_status compress_zstd(ice_compressor *compressor, int level, const void *data, size_t size, ice_bytes *out,
                                ice_error *err) {
  if (!compressor->zstd_out) {
    compressor->zstd_out = ZSTD_createCCtx();
  }
  if (!compressor->zstd_out) {
    return no_context(ICE_CODEC_ZSTD, err);
  }
  size_t bound = ZSTD_compressBound(size);
  ice_status status = ice_bytes_reserve(out, bound, err);
  if (status != ICE_OK) {
    return status;
  }
  size_t written = ZSTD_compressCCtx(compressor->zstd_out, out->data + out->size, bound, data, size,
                                     level == 0 ? ZSTD_LEVEL_DEFAULT : level);
  if (ZSTD_isError(written)) {
    // The only cause left: bounds and parameters are right, so the context could not get its tables.
    return ice_error_set(err, ICE_NO_MEMORY, "zstd: %s", ZSTD_getErrorName(written));
  }
  out->size += written;
  return ICE_OK;
}

static ice_status compress_lz4_raw(const void *data, size_t size, ice_bytes *out, ice_error *err) {
  if (size > LZ4_MAX_INPUT_SIZE) {
    return ice_error_set(err, ICE_LIMIT, "lz4: a block of %zu bytes", size);
  }
  int bound = LZ4_compressBound((int)size);
  ice_status status = ice_bytes_reserve(out, (size_t)bound, err);
  if (status == ICE_OK) {
    int written = LZ4_compress_default(size ? data : "", (char *)out->data + out->size, (int)size, bound);
    if (written <= 0) {
      return ice_error_set(err, ICE_INTERNAL, "lz4: compression failed");
    }
    out->size += (size_t)written;
  }
  return status;
}

static ice_status compress_lz4_frame(const void *data, size_t size, ice_bytes *out, ice_error *err) {
  LZ4F_preferences_t preferences = {.frameInfo.contentSize = size};
  size_t bound = LZ4F_compressFrameBound(size, &preferences);
  ice_status status = ice_bytes_reserve(out, bound, err);
  if (status == ICE_OK) {
    size_t written = LZ4F_compressFrame(out->data + out->size, bound, data, size, &preferences);
    if (LZ4F_isError(written)) {
      return ice_error_set(err, ICE_NO_MEMORY, "lz4: %s", LZ4F_getErrorName(written));
    }
    out->size += written;
  }
  return status;
}

static ice_status compress_deflate(ice_compressor *compressor, ice_codec codec, int level, const void *data,
                                   size_t size, ice_bytes *out, ice_error *err) {
  int wanted = level <= 0 ? DEFLATE_LEVEL_DEFAULT : level > DEFLATE_LEVEL_MAX ? DEFLATE_LEVEL_MAX : level;
  if (!compressor->deflate_out || compressor->deflate_level != wanted) {
    libdeflate_free_compressor(compressor->deflate_out);
    compressor->deflate_out = libdeflate_alloc_compressor(wanted);
    compressor->deflate_level = wanted;
    if (!compressor->deflate_out) {
      return no_context(codec, err);
    }
  }
  bool gzip = codec == ICE_CODEC_GZIP;
  size_t bound = gzip ? libdeflate_gzip_compress_bound(compressor->deflate_out, size)
                      : libdeflate_deflate_compress_bound(compressor->deflate_out, size);
  ice_status status = ice_bytes_reserve(out, bound, err);
  if (status != ICE_OK) {
    return status;
  }
  const void *input = size ? data : "";
  size_t written =
      gzip ? libdeflate_gzip_compress(compressor->deflate_out, input, size, out->data + out->size, bound)
           : libdeflate_deflate_compress(compressor->deflate_out, input, size, out->data + out->size, bound);
  if (written == 0) {
    return ice_error_set(err, ICE_INTERNAL, "%s: compression failed", ice_codec_name(codec));
  }
  out->size += written;
  return ICE_OK;
}

ice_status ice_compress(ice_compressor *compressor, ice_codec codec, int level, const void *data, size_t size,
                        ice_bytes *out, ice_error *err) {
  switch (codec) {
    case ICE_CODEC_NONE: return ice_bytes_append(out, data, size, err);
    case ICE_CODEC_SNAPPY: return compress_snappy(data, size, out, err);
    case ICE_CODEC_ZSTD: return compress_zstd(compressor, level, data, size, out, err);
    case ICE_CODEC_LZ4_RAW: return compress_lz4_raw(data, size, out, err);
    case ICE_CODEC_LZ4_FRAME: return compress_lz4_frame(data, size, out, err);
    case ICE_CODEC_GZIP:
    case ICE_CODEC_DEFLATE: return compress_deflate(compressor, codec, level, data, size, out, err);
    case ICE_CODEC_SNAPPY_JAVA: break;
  }
  return ice_error_set(err, ICE_UNSUPPORTED, "compression with %s", ice_codec_name(codec));
}

// Decompression -----------------------------------------------------------------------------------------------------

static ice_status decompress_snappy(const void *data, size_t size, ice_bytes *out, ice_error *err) {
  size_t length = 0;
  if (size == 0 || snappy_uncompressed_length(data, size, &length) != SNAPPY_OK) {
    return corrupt(ICE_CODEC_SNAPPY, "no valid length", err);
  }
  if (length > room(out)) {
    return over_limit(ICE_CODEC_SNAPPY, out, err);
  }
  // A copy element makes at most 64 bytes out of two, so a longer claim is damage; it allocates nothing.
  if (length / 64 > size) {
    return corrupt(ICE_CODEC_SNAPPY, "the length is more than the data can hold", err);
  }
  ice_status status = ice_bytes_reserve(out, length, err);
  if (status == ICE_OK) {
    char nothing;
    char *target = out->data ? (char *)out->data + out->size : &nothing;
    if (snappy_uncompress(data, size, target, &length) != SNAPPY_OK) {
      return corrupt(ICE_CODEC_SNAPPY, "damaged block", err);
    }
    out->size += length;
  }
  return status;
}

// snappy-java's stream: 16 bytes of header, then blocks, each with its size as a big-endian int32. Clients write
// either this or a bare block into Kafka, and nothing but the magic tells them apart.
static ice_status decompress_snappy_java(const uint8_t *data, size_t size, ice_bytes *out, ice_error *err) {
  static const uint8_t magic[8] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
  if (size < sizeof magic || memcmp(data, magic, sizeof magic) != 0) {
    return decompress_snappy(data, size, out, err);
  }
  if (size < XERIAL_HEADER_SIZE) {
    return corrupt(ICE_CODEC_SNAPPY_JAVA, "truncated header", err);
  }
  size_t at = XERIAL_HEADER_SIZE;
  while (at < size) {
    if (size - at < 4) {
      return corrupt(ICE_CODEC_SNAPPY_JAVA, "truncated block size", err);
    }
    size_t block = ice_load_u32be(data + at);
    at += 4;
    if (block > size - at) {
      return corrupt(ICE_CODEC_SNAPPY_JAVA, "truncated block", err);
    }
    ice_status status = decompress_snappy(data + at, block, out, err);
    if (status != ICE_OK) {
      return status;
    }
    at += block;
  }
  return ICE_OK;
}

static ice_status decompress_zstd(ice_compressor *compressor, const void *data, size_t size, size_t size_hint,
                                  ice_bytes *out, ice_error *err) {
  if (!compressor->zstd_in) {
    compressor->zstd_in = ZSTD_createDCtx();
  }
  if (!compressor->zstd_in) {
    return no_context(ICE_CODEC_ZSTD, err);
  }
  ZSTD_DCtx_reset(compressor->zstd_in, ZSTD_reset_session_only);
  ice_status status = reserve_first(out, size, size_hint, err);
  ZSTD_inBuffer input = {.src = data, .size = size};
  size_t left = 1;
  while (status == ICE_OK) {
    ZSTD_outBuffer output = {.dst = out->data ? out->data + out->size : NULL, .size = writable(out)};
    left = ZSTD_decompressStream(compressor->zstd_in, &output, &input);
    out->size += output.pos;
    if (ZSTD_isError(left)) {
      return strstr(ZSTD_getErrorName(left), "Allocation") ? no_context(ICE_CODEC_ZSTD, err)
                                                           : corrupt(ICE_CODEC_ZSTD, ZSTD_getErrorName(left), err);
    }
    if (input.pos == size && (left == 0 || output.pos < output.size)) {
      break;
    }
    if (output.pos == output.size) {
      status = extend(ICE_CODEC_ZSTD, out, err);
    }
  }
  if (status == ICE_OK && left != 0) {
    return corrupt(ICE_CODEC_ZSTD, "truncated frame", err);
  }
  return status;
}

static ice_status decompress_lz4_raw(const void *data, size_t size, size_t size_hint, ice_bytes *out,
                                     ice_error *err) {
  if (size_hint > room(out)) {
    return over_limit(ICE_CODEC_LZ4_RAW, out, err);
  }
  // 255 bytes out of one is the format's best case.
  if (size == 0 || size > INT_MAX || size_hint > INT_MAX || size_hint / 255 > size) {
    return corrupt(ICE_CODEC_LZ4_RAW, "impossible size", err);
  }
  ice_status status = ice_bytes_reserve(out, size_hint, err);
  if (status == ICE_OK) {
    char nothing;
    char *target = out->data ? (char *)out->data + out->size : &nothing;
    int written = LZ4_decompress_safe(data, target, (int)size, (int)size_hint);
    if (written < 0 || (size_t)written != size_hint) {
      return corrupt(ICE_CODEC_LZ4_RAW, "damaged block", err);
    }
    out->size += size_hint;
  }
  return status;
}

static ice_status decompress_lz4_frame(ice_compressor *compressor, const uint8_t *data, size_t size, size_t size_hint,
                                       ice_bytes *out, ice_error *err) {
  if (!compressor->lz4_in && LZ4F_isError(LZ4F_createDecompressionContext(&compressor->lz4_in, LZ4F_VERSION))) {
    compressor->lz4_in = NULL;
    return no_context(ICE_CODEC_LZ4_FRAME, err);
  }
  LZ4F_resetDecompressionContext(compressor->lz4_in);
  ice_status status = reserve_first(out, size, size_hint, err);
  size_t at = 0;
  size_t left = 1;
  while (status == ICE_OK) {
    uint8_t nothing;
    size_t produced = writable(out);
    size_t offered = produced;
    size_t consumed = size - at;
    left = LZ4F_decompress(compressor->lz4_in, out->data ? out->data + out->size : &nothing, &produced,
                           at < size ? data + at : data, &consumed, NULL);
    if (LZ4F_isError(left)) {
      const char *problem = LZ4F_getErrorName(left);
      return strstr(problem, "allocation") ? no_context(ICE_CODEC_LZ4_FRAME, err)
                                           : corrupt(ICE_CODEC_LZ4_FRAME, problem, err);
    }
    out->size += produced;
    at += consumed;
    if (at == size && (left == 0 || produced < offered)) {
      break;
    }
    if (produced == offered) {
      status = extend(ICE_CODEC_LZ4_FRAME, out, err);
    } else if (consumed == 0 && produced == 0) {
      return corrupt(ICE_CODEC_LZ4_FRAME, "damaged frame", err);
    }
  }
  if (status == ICE_OK && left != 0) {
    return corrupt(ICE_CODEC_LZ4_FRAME, "truncated frame", err);
  }
  return status;
}

// gzip may be several members, one behind the other; raw deflate is one stream and nothing behind it.
static ice_status decompress_deflate(ice_compressor *compressor, ice_codec codec, const uint8_t *data, size_t size,
                                     size_t size_hint, ice_bytes *out, ice_error *err) {
  if (!compressor->deflate_in) {
    compressor->deflate_in = libdeflate_alloc_decompressor();
  }
  if (!compressor->deflate_in) {
    return no_context(codec, err);
  }
  ice_status status = reserve_first(out, size, size_hint, err);
  size_t at = 0;
  while (status == ICE_OK) {
    uint8_t nothing;
    void *target = out->data ? out->data + out->size : &nothing;
    size_t consumed = 0;
    size_t produced = 0;
    enum libdeflate_result result =
        codec == ICE_CODEC_GZIP ? libdeflate_gzip_decompress_ex(compressor->deflate_in, data + at, size - at, target,
                                                                writable(out), &consumed, &produced)
                                : libdeflate_deflate_decompress_ex(compressor->deflate_in, data + at, size - at,
                                                                   target, writable(out), &consumed, &produced);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
      status = extend(codec, out, err);
      continue;
    }
    if (result != LIBDEFLATE_SUCCESS) {
      return corrupt(codec, "damaged data", err);
    }
    out->size += produced;
    at += consumed;
    if (at == size) {
      break;
    }
    if (codec == ICE_CODEC_DEFLATE) {
      return corrupt(codec, "bytes behind the end", err);
    }
  }
  return status;
}

ice_status ice_decompress(ice_compressor *compressor, ice_codec codec, const void *data, size_t size,
                          size_t size_hint, ice_bytes *out, ice_error *err) {
  size_t before = out->size;
  ice_status status = ICE_OK;
  const void *input = size ? data : "";
  switch (codec) {
    case ICE_CODEC_NONE:
      status = size > room(out) ? over_limit(codec, out, err) : ice_bytes_append(out, data, size, err);
      break;
    case ICE_CODEC_SNAPPY: status = decompress_snappy(input, size, out, err); break;
    case ICE_CODEC_SNAPPY_JAVA: status = decompress_snappy_java(input, size, out, err); break;
    case ICE_CODEC_ZSTD: status = decompress_zstd(compressor, input, size, size_hint, out, err); break;
    case ICE_CODEC_LZ4_RAW: status = decompress_lz4_raw(input, size, size_hint, out, err); break;
    case ICE_CODEC_LZ4_FRAME: status = decompress_lz4_frame(compressor, input, size, size_hint, out, err); break;
    case ICE_CODEC_GZIP:
    case ICE_CODEC_DEFLATE: status = decompress_deflate(compressor, codec, input, size, size_hint, out, err); break;
  }
  if (status != ICE_OK) {
    out->size = before;
  }
  return status;
}
