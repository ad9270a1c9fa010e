// Running a program: a loop over operations, each of which reads one value and appends it to a column.
#include "avro/avro_decoder.h"

#include "avro/avro_program_priv.h"
#include <stdlib.h>

struct ice_avro_decoder {
  program code;
  ice_schema *schema;
  ice_arena arena;
  column_list missing;
};

typedef struct reader_state {
  const program *code;
  const uint8_t *start;
  const uint8_t *p;
  const uint8_t *end;
  ice_error *err;
  uint64_t items_left;
  int depth;
} reader_state;

static ice_status run_body(reader_state *state, uint32_t body, ice_column *columns);

static ice_status bad(const reader_state *state, const char *what) {
  return ice_error_set(state->err, ICE_CORRUPT, "Avro datum: %s at byte %zu of %zu", what,
                       (size_t)(state->p - state->start), (size_t)(state->end - state->start));
}

static inline int64_t unzigzag(uint64_t bits) { return (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1); }

// The long way of a varint: several bytes, the end of the data, or damage.
static ice_status read_long_slow(reader_state *state, int64_t *out) {
  uint64_t bits = 0;
  const uint8_t *p = state->p;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (p == state->end) {
      return bad(state, "a number is cut off");
    }
    uint8_t byte = *p++;
    if (shift == 63 && byte > 1) {
      return bad(state, "a number of more than 64 bits");
    }
    bits |= (uint64_t)(byte & 0x7F) << shift;
    if (byte < 0x80) {
      state->p = p;
      *out = unzigzag(bits);
      return ICE_OK;
    }
  }
  return bad(state, "a number of more than 64 bits");
}

// A number of up to eight bytes out of one load: the groups of seven bits are pushed together in three steps. False
// where it is longer, or where fewer than eight bytes are left.
static inline bool load_long(const uint8_t **p, const uint8_t *end, int64_t *out) {
  if (end - *p < 8) {
    return false;
  }
  uint64_t word = ice_load_u64le(*p);
  uint64_t stops = ~word & UINT64_C(0x8080808080808080);
  if (stops == 0) {
    return false;
  }
  word &= (stops ^ (stops - 1)) & UINT64_C(0x7F7F7F7F7F7F7F7F);
  word = (word & UINT64_C(0x7F007F007F007F00)) >> 1 | (word & UINT64_C(0x007F007F007F007F));
  word = (word & UINT64_C(0x3FFF00003FFF0000)) >> 2 | (word & UINT64_C(0x00003FFF00003FFF));
  word = (word & UINT64_C(0x0FFFFFFF00000000)) >> 4 | (word & UINT64_C(0x000000000FFFFFFF));
  *p += (__builtin_ctzll(stops) >> 3) + 1;
  *out = unzigzag(word);
  return true;
}

static inline ice_status read_long(reader_state *state, int64_t *out) {
  const uint8_t *p = state->p;
  if (ICE_LIKELY(p < state->end && *p < 0x80)) {
    state->p = p + 1;
    *out = unzigzag(*p);
    return ICE_OK;
  }
  return load_long(&state->p, state->end, out) ? ICE_OK : read_long_slow(state, out);
}

static inline ice_status read_int(reader_state *state, int64_t *out) {
  ice_status status = read_long(state, out);
  if (ICE_UNLIKELY(status == ICE_OK && (*out < INT32_MIN || *out > INT32_MAX))) {
    return bad(state, "an int of more than 32 bits before");
  }
  return status;
}

static inline ice_status need(const reader_state *state, size_t size) {
  return ICE_LIKELY((size_t)(state->end - state->p) >= size) ? ICE_OK : bad(state, "a value is cut off");
}

// The length of bytes or text, checked against what is left.
static inline ice_status read_size(reader_state *state, size_t *out) {
  int64_t size = 0;
  ice_status status = read_long(state, &size);
  if (ICE_UNLIKELY(status != ICE_OK)) {
    return status;
  }
  if (ICE_UNLIKELY(size < 0 || size > state->end - state->p)) {
    return bad(state, size < 0 ? "a negative length before" : "a length beyond the end before");
  }
  *out = (size_t)size;
  return ICE_OK;
}

static inline ice_status read_text(reader_state *state, ice_column *column) {
  size_t size = 0;
  ice_status status = read_size(state, &size);
  if (ICE_LIKELY(status == ICE_OK)) {
    status = ice_column_append_text_of(column, state->p, size, state->end, state->err);
    state->p += size;
  }
  return status;
}

__extension__ typedef __int128 wide_int;

// Big-endian two's complement of any length to the 16 bytes of a column.
static ice_status append_decimal(reader_state *state, ice_column *column, size_t size, uint32_t precision) {
  const uint8_t *data = state->p;
  uint8_t sign = size != 0 && (data[0] & 0x80) != 0 ? 0xFF : 0;
  while (size > 16 && data[0] == sign) {
    data++;
    size--;
  }
  if (size > 16 || (size == 16 && (data[0] & 0x80) != (sign & 0x80))) {
    return bad(state, "a decimal beyond its precision");
  }
  uint8_t raw[16];
  for (size_t i = 0; i < 16; i++) {
    raw[i] = i < size ? data[size - 1 - i] : sign;
  }
  wide_int value;
  memcpy(&value, raw, 16);
  wide_int bound = 1;
  for (uint32_t i = 0; i < precision; i++) {
    bound *= 10;
  }
  if (value >= bound || value <= -bound) {
    return bad(state, "a decimal beyond its precision");
  }
  return ice_column_append_fixed(column, raw, state->err);
}

static ice_status read_decimal(reader_state *state, ice_column *column, const op *step) {
  size_t size = step->b;
  ice_status status = step->code == OP_DECIMAL_BYTES ? read_size(state, &size) : need(state, size);
  if (status == ICE_OK) {
    status = append_decimal(state, column, size, step->a);
    state->p += size;
  }
  return status;
}

static ice_status read_enum(reader_state *state, ice_column *column, const op *step) {
  int64_t index = 0;
  ice_status status = read_int(state, &index);
  if (status != ICE_OK) {
    return status;
  }
  if (index < 0 || index >= step->b) {
    return bad(state, "an enum index that is out of range before");
  }
  ice_str symbol = state->code->symbols[step->a + (uint32_t)index];
  if (!symbol.data) {
    return bad(state, "an enum symbol that the reader does not have before");
  }
  return ice_column_append_text(column, symbol, state->err);
}

// The count of the next block of an array or map, 0 at the end. A negative count is followed by the block's size.
static ice_status read_block(reader_state *state, int64_t *count, int64_t *block_size) {
  ice_status status = ICE_OK;
  *block_size = -1;
  ICE_TRY(read_long(state, count));
  if (*count < 0) {
    if (*count == INT64_MIN) {
      ICE_TRY(bad(state, "a block count that is out of range before"));
    }
    *count = -*count;
    ICE_TRY(read_long(state, block_size));
    if (*block_size < 0 || *block_size > state->end - state->p) {
      ICE_TRY(bad(state, "a block size beyond the end before"));
    }
  }
done:
  return status;
}

static ice_status take_items(reader_state *state, int64_t count) {
  if ((uint64_t)count > state->items_left) {
    return bad(state, "more items than the datum can hold, counted before");
  }
  state->items_left -= (uint64_t)count;
  return ICE_OK;
}

static ice_status read_blocks(reader_state *state, ice_column *column, const op *step) {
  ice_status status = ICE_OK;
  int64_t count = 0;
  int64_t block_size = 0;
  bool map = step->code == OP_MAP;
  for (;;) {
    ICE_TRY(read_block(state, &count, &block_size));
    if (count == 0) {
      break;
    }
    ICE_TRY(take_items(state, count));
    const uint8_t *from = state->p;
    for (int64_t i = 0; i < count; i++) {
      if (map) {
        ICE_TRY(read_text(state, &column->children[0]));
      }
      ICE_TRY(run_body(state, step->a, column->children));
    }
    if (block_size >= 0 && state->p - from != block_size) {
      ICE_TRY(bad(state, "a block that is not as long as its size says ends"));
    }
  }
  ICE_TRY(ice_column_append_list_end(column, state->err));
done:
  return status;
}

static ice_status skip_blocks(reader_state *state, const op *step) {
  ice_status status = ICE_OK;
  int64_t count = 0;
  int64_t block_size = 0;
  for (;;) {
    ICE_TRY(read_block(state, &count, &block_size));
    if (count == 0) {
      break;
    }
    if (block_size >= 0) {
      state->p += block_size;
      continue;
    }
    ICE_TRY(take_items(state, count));
    for (int64_t i = 0; i < count; i++) {
      ICE_TRY(run_body(state, step->a, NULL));
    }
  }
done:
  return status;
}

static ice_status read_branch(reader_state *state, const op *step, ice_column *columns) {
  int64_t branch = 0;
  ice_status status = read_int(state, &branch);
  if (status != ICE_OK) {
    return status;
  }
  if (branch < 0 || branch >= step->b) {
    return bad(state, "a union branch that is out of range before");
  }
  return run_body(state, state->code->tables.data[step->a + (uint32_t)branch], columns);
}

// A constant is read in place of the data; the program that reads it was made for it.
static ice_status read_default(reader_state *state, const op *step, ice_column *columns) {
  reader_state inner = *state;
  static const uint8_t nothing[1];
  inner.start = inner.p = step->b == 0 ? nothing : state->code->constants.data + step->a;
  inner.end = inner.start + step->b;
  inner.items_left = (uint64_t)step->b + ICE_AVRO_DATUM_EXTRA_ITEMS_MAX;
  return run_body(&inner, step->c, columns);
}

// Times in milliseconds become microseconds.
static ice_status read_millis(reader_state *state, const op *step, ice_column *column) {
  int64_t value = 0;
  ice_status status = step->code == OP_INT_MILLIS ? read_int(state, &value) : read_long(state, &value);
  if (status != ICE_OK) {
    return status;
  }
  if (!ice_mul_i64(value, 1000, &value)) {
    return bad(state, "a time in milliseconds that is out of range before");
  }
  return ice_column_append_i64(column, value, state->err);
}

static ice_status read_promoted(reader_state *state, const op *step, ice_column *column) {
  int64_t value = 0;
  bool is_int = step->code == OP_INT_FLOAT || step->code == OP_INT_DOUBLE;
  ice_status status = is_int ? read_int(state, &value) : read_long(state, &value);
  if (status != ICE_OK) {
    return status;
  }
  if (step->code == OP_INT_FLOAT || step->code == OP_LONG_FLOAT) {
    return ice_column_append_f32(column, (float)value, state->err);
  }
  return ice_column_append_f64(column, (double)value, state->err);
}

static ice_status read_float(reader_state *state, const op *step, ice_column *column) {
  ice_status status = need(state, 4);
  if (status != ICE_OK) {
    return status;
  }
  uint32_t bits = ice_load_u32le(state->p);
  float value;
  memcpy(&value, &bits, 4);
  state->p += 4;
  return step->code == OP_FLOAT ? ice_column_append_f32(column, value, state->err)
                                : ice_column_append_f64(column, (double)value, state->err);
}

static inline ice_status read_boolean(reader_state *state, ice_column *column) {
  ice_status status = need(state, 1);
  if (status != ICE_OK) {
    return status;
  }
  if (*state->p > 1) {
    return bad(state, "a boolean that is neither 0 nor 1");
  }
  return ice_column_append_boolean(column, *state->p++ == 1, state->err);
}

static ice_status read_fixed(reader_state *state, const op *step, ice_column *column) {
  ice_status status = need(state, step->b);
  if (status != ICE_OK) {
    return status;
  }
  const uint8_t *data = state->p;
  state->p += step->b;
  return step->code == OP_FIXED
             ? ice_column_append_fixed(column, data, state->err)
             : ice_column_append_text(column, ice_str_make((const char *)data, step->b), state->err);
}

static ice_status skip_bytes(reader_state *state) {
  size_t size = 0;
  ice_status status = read_size(state, &size);
  state->p += status == ICE_OK ? size : 0;
  return status;
}

static ice_status skip_fixed(reader_state *state, size_t size) {
  ice_status status = need(state, size);
  state->p += status == ICE_OK ? size : 0;
  return status;
}

static ice_status read_record(reader_state *state, const op *step, ice_column *column) {
  ice_status status = run_body(state, step->a, column->children);
  return status == ICE_OK ? ice_column_append_struct_end(column, state->err) : status;
}

static inline ice_status read_double(reader_state *state, ice_column *column) {
  ice_status status = need(state, 8);
  if (ICE_LIKELY(status == ICE_OK)) {
    uint64_t bits = ice_load_u64le(state->p);
    state->p += 8;
    status = ice_column_append_i64(column, (int64_t)bits, state->err);
  }
  return status;
}

static inline ice_status read_integer(reader_state *state, const op *step, ice_column *column) {
  int64_t value = 0;
  ice_status status = step->code == OP_LONG ? read_long(state, &value) : read_int(state, &value);
  if (ICE_UNLIKELY(status != ICE_OK)) {
    return status;
  }
  return step->code == OP_INT ? ice_column_append_i32(column, (int32_t)value, state->err)
                              : ice_column_append_i64(column, value, state->err);
}

static inline __attribute__((always_inline)) ice_status run_op(reader_state *state, const op *step,
                                                               ice_column *columns) {
  switch ((op_code)step->code) {
    case OP_BOOLEAN: return read_boolean(state, &columns[step->column]);
    case OP_INT:
    case OP_INT_LONG:
    case OP_LONG: return read_integer(state, step, &columns[step->column]);
    case OP_INT_MILLIS:
    case OP_LONG_MILLIS: return read_millis(state, step, &columns[step->column]);
    case OP_INT_FLOAT:
    case OP_INT_DOUBLE:
    case OP_LONG_FLOAT:
    case OP_LONG_DOUBLE: return read_promoted(state, step, &columns[step->column]);
    case OP_FLOAT:
    case OP_FLOAT_DOUBLE: return read_float(state, step, &columns[step->column]);
    case OP_DOUBLE: return read_double(state, &columns[step->column]);
    case OP_TEXT: return read_text(state, &columns[step->column]);
    case OP_FIXED:
    case OP_FIXED_TEXT: return read_fixed(state, step, &columns[step->column]);
    case OP_ENUM: return read_enum(state, &columns[step->column], step);
    case OP_DECIMAL_BYTES:
    case OP_DECIMAL_FIXED: return read_decimal(state, &columns[step->column], step);
    case OP_RECORD: return read_record(state, step, &columns[step->column]);
    case OP_LIST:
    case OP_MAP: return read_blocks(state, &columns[step->column], step);
    case OP_NULL: return ice_column_append_null(&columns[step->column], state->err);
    case OP_DEFAULT: return read_default(state, step, columns);
    case OP_UNION: return read_branch(state, step, columns);
    case OP_FAIL: return bad(state, "a union branch that the reader's schema does not have before");
    case OP_SKIP_VARINT: {
      int64_t value;
      return read_long(state, &value);
    }
    case OP_SKIP_BYTES: return skip_bytes(state);
    case OP_SKIP_FIXED: return skip_fixed(state, step->a);
    case OP_SKIP_BLOCKS: return skip_blocks(state, step);
    case OP_SKIP_UNION: return read_branch(state, step, columns);
    case OP_SKIP_CALL: return run_body(state, state->code->calls.data[step->a], columns);
    case OP_END: break;
  }
  return ice_error_set(state->err, ICE_INTERNAL, "Avro program with operation %d", (int)step->code);
}

// The branch of a union of null and one type; true in `*is_null` where the null was appended.
static inline ice_status read_null_branch(reader_state *state, const op *step, ice_column *columns, bool *is_null) {
  int64_t branch = 0;
  ice_status status = read_int(state, &branch);
  if (ICE_UNLIKELY(status != ICE_OK)) {
    return status;
  }
  *is_null = branch == step->null_branch;
  if (*is_null) {
    return ice_column_append_null(&columns[step->column], state->err);
  }
  return ICE_LIKELY(branch == 1 - step->null_branch) ? ICE_OK
                                                     : bad(state, "a union branch that is out of range before");
}

// The place in the data is kept in a register for the operations that records are full of; the others find it in
// `state` and leave it there.
static ice_status run_body(reader_state *state, uint32_t body, ice_column *columns) {
  ice_status status = ICE_OK;
  const uint8_t *p = state->p;
  const uint8_t *const end = state->end;
  if (ICE_UNLIKELY(++state->depth > ICE_AVRO_DATUM_DEPTH_MAX)) {
    ICE_TRY(bad(state, "values nest too deep"));
  }
  for (const op *step = state->code->ops.data + body; step->code != OP_END; step++) {
    if (step->null_branch >= 0) {
      bool is_null = false;
      state->p = p;
      ICE_TRY(read_null_branch(state, step, columns, &is_null));
      p = state->p;
      if (is_null) {
        continue;
      }
    }
    if (step->code == OP_TEXT && p < end && (*p & 0x81) == 0 && (size_t)(*p >> 1) < (size_t)(end - p)) {
      size_t size = *p++ >> 1;
      ICE_TRY(ice_column_append_text_of(&columns[step->column], p, size, end, state->err));
      p += size;
      continue;
    }
    int64_t number;
    if (step->code == OP_LONG && load_long(&p, end, &number)) {
      ICE_TRY(ice_column_append_i64(&columns[step->column], number, state->err));
      continue;
    }
    state->p = p;
    ICE_TRY(run_op(state, step, columns));
    p = state->p;
  }
  state->p = p;
done:
  state->depth--;
  return status;
}

ice_status ice_avro_decode(ice_avro_decoder *decoder, const void *data, size_t size, ice_batch *batch,
                           size_t *consumed, ice_error *err) {
  static const uint8_t nothing[1];
  const uint8_t *start = size == 0 ? nothing : data;
  reader_state state = {.code = &decoder->code,
                        .start = start,
                        .p = start,
                        .end = start + size,
                        .err = err,
                        .items_left = (uint64_t)size + ICE_AVRO_DATUM_EXTRA_ITEMS_MAX};
  *consumed = 0;
  if (ICE_UNLIKELY(batch->schema != decoder->schema)) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "the batch was made for another schema than the decoder's");
  }
  ice_status status = run_body(&state, decoder->code.entry, batch->columns);
  if (status == ICE_OK) {
    status = ice_batch_end_row(batch, err);
  }
  *consumed = status == ICE_OK ? (size_t)(state.p - start) : 0;
  return status;
}

ice_status ice_avro_decoder_create(const ice_avro_schema *writer, const ice_avro_schema *reader,
                                   const ice_projection *projection, ice_avro_decoder **out, ice_error *err) {
  ice_status status = ICE_OK;
  *out = NULL;
  const ice_avro_type *written = ice_avro_schema_root(writer);
  const ice_avro_type *wanted = reader ? ice_avro_schema_root(reader) : written;
  ice_avro_decoder *decoder = calloc(1, sizeof *decoder);
  if (!decoder) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for an Avro decoder");
  }
  ice_arena_init(&decoder->arena, PROGRAM_CONSTANTS_MAX);
  ICE_TRY(ice_avro_columns_build(wanted, projection, &decoder->arena, &decoder->schema, &decoder->missing, err));
  ICE_TRY(ice_avro_program_compile(written, wanted, decoder->schema, &decoder->arena, &decoder->code, err));
  *out = decoder;
  decoder = NULL;
done:
  ice_avro_decoder_destroy(decoder);
  return status;
}

void ice_avro_decoder_destroy(ice_avro_decoder *decoder) {
  if (!decoder) {
    return;
  }
  ice_avro_program_deinit(&decoder->code);
  ice_schema_unref(decoder->schema);
  ice_arena_deinit(&decoder->arena);
  free(decoder);
}

const ice_schema *ice_avro_decoder_schema(const ice_avro_decoder *decoder) { return decoder->schema; }

uint32_t ice_avro_decoder_missing_count(const ice_avro_decoder *decoder) { return decoder->missing.missing_count; }

ice_str ice_avro_decoder_missing(const ice_avro_decoder *decoder, uint32_t index) {
  return decoder->missing.missing[index];
}
