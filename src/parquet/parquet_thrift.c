#include "parquet/parquet_thrift.h"

#include "base/checked.h"

enum { VARINT_MAX = 10 };

// Writing -----------------------------------------------------------------------------------------------------------

void ice_thrift_writer_init(ice_thrift_writer *writer, ice_bytes *out, ice_error *err) {
  *writer = (ice_thrift_writer){.out = out, .err = err};
}

static void put(ice_thrift_writer *writer, const void *data, size_t size) {
  if (writer->status == ICE_OK) {
    writer->status = ice_bytes_append(writer->out, data, size, writer->err);
  }
}

static void put_u8(ice_thrift_writer *writer, uint8_t value) { put(writer, &value, 1); }

static void put_varint(ice_thrift_writer *writer, uint64_t value) {
  uint8_t bytes[VARINT_MAX];
  size_t size = 0;
  while (value >= 0x80) {
    bytes[size++] = (uint8_t)(value | 0x80);
    value >>= 7;
  }
  bytes[size++] = (uint8_t)value;
  put(writer, bytes, size);
}

static void put_zigzag(ice_thrift_writer *writer, int64_t value) {
  put_varint(writer, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

static void put_field(ice_thrift_writer *writer, int16_t id, ice_thrift_type type) {
  int delta = id - writer->last_id[writer->depth];
  if (delta > 0 && delta <= 15) {
    put_u8(writer, (uint8_t)((unsigned)delta << 4 | (unsigned)type));
  } else {
    put_u8(writer, (uint8_t)type);
    put_zigzag(writer, id);
  }
  writer->last_id[writer->depth] = id;
}

static void push(ice_thrift_writer *writer) {
  if (writer->depth + 1 >= ICE_THRIFT_DEPTH_MAX) {
    if (writer->status == ICE_OK) {
      writer->status = ice_error_set(writer->err, ICE_INTERNAL, "thrift: too many nested structs");
    }
    return;
  }
  writer->last_id[++writer->depth] = 0;
}

void ice_thrift_bool(ice_thrift_writer *writer, int16_t id, bool value) {
  put_field(writer, id, value ? ICE_THRIFT_TRUE : ICE_THRIFT_FALSE);
}

void ice_thrift_i8(ice_thrift_writer *writer, int16_t id, int8_t value) {
  put_field(writer, id, ICE_THRIFT_I8);
  put_u8(writer, (uint8_t)value);
}

void ice_thrift_i16(ice_thrift_writer *writer, int16_t id, int16_t value) {
  put_field(writer, id, ICE_THRIFT_I16);
  put_zigzag(writer, value);
}

void ice_thrift_i32(ice_thrift_writer *writer, int16_t id, int32_t value) {
  put_field(writer, id, ICE_THRIFT_I32);
  put_zigzag(writer, value);
}

void ice_thrift_i64(ice_thrift_writer *writer, int16_t id, int64_t value) {
  put_field(writer, id, ICE_THRIFT_I64);
  put_zigzag(writer, value);
}

void ice_thrift_binary(ice_thrift_writer *writer, int16_t id, ice_str value) {
  put_field(writer, id, ICE_THRIFT_BINARY);
  ice_thrift_element_binary(writer, value);
}

void ice_thrift_list(ice_thrift_writer *writer, int16_t id, ice_thrift_type element, size_t count) {
  put_field(writer, id, ICE_THRIFT_LIST);
  if (count < 15) {
    put_u8(writer, (uint8_t)((unsigned)count << 4 | (unsigned)element));
  } else {
    put_u8(writer, (uint8_t)(0xf0u | (unsigned)element));
    put_varint(writer, count);
  }
}

void ice_thrift_struct(ice_thrift_writer *writer, int16_t id) {
  put_field(writer, id, ICE_THRIFT_STRUCT);
  push(writer);
}

void ice_thrift_empty_struct(ice_thrift_writer *writer, int16_t id) {
  put_field(writer, id, ICE_THRIFT_STRUCT);
  put_u8(writer, ICE_THRIFT_STOP);
}

void ice_thrift_end(ice_thrift_writer *writer) {
  put_u8(writer, ICE_THRIFT_STOP);
  if (writer->depth > 0) {
    writer->depth--;
  }
}

void ice_thrift_element_bool(ice_thrift_writer *writer, bool value) {
  put_u8(writer, value ? ICE_THRIFT_TRUE : ICE_THRIFT_FALSE);
}

void ice_thrift_element_i32(ice_thrift_writer *writer, int32_t value) { put_zigzag(writer, value); }

void ice_thrift_element_i64(ice_thrift_writer *writer, int64_t value) { put_zigzag(writer, value); }

void ice_thrift_element_binary(ice_thrift_writer *writer, ice_str value) {
  put_varint(writer, value.size);
  put(writer, value.data, value.size);
}

void ice_thrift_element_struct(ice_thrift_writer *writer) { push(writer); }

// Reading -----------------------------------------------------------------------------------------------------------

void ice_thrift_reader_init(ice_thrift_reader *reader, const void *data, size_t size) {
  *reader = (ice_thrift_reader){.data = data, .size = size};
}

void ice_thrift_fail(ice_thrift_reader *reader, const char *problem) {
  if (reader->status == ICE_OK) {
    reader->status = ICE_CORRUPT;
    reader->problem = problem;
  }
}

ice_status ice_thrift_reader_status(const ice_thrift_reader *reader, const char *what, ice_error *err) {
  return reader->status == ICE_OK
             ? ICE_OK
             : ice_error_set(err, reader->status, "%s: %s at byte %zu", what, reader->problem, reader->position);
}

static bool failed(const ice_thrift_reader *reader) { return reader->status != ICE_OK; }

static size_t left(const ice_thrift_reader *reader) { return reader->size - reader->position; }

static uint8_t get_u8(ice_thrift_reader *reader) {
  if (failed(reader) || left(reader) == 0) {
    ice_thrift_fail(reader, "truncated");
    return 0;
  }
  return reader->data[reader->position++];
}

static uint64_t get_varint(ice_thrift_reader *reader) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    uint8_t byte = get_u8(reader);
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) {
      return failed(reader) ? 0 : value;
    }
  }
  ice_thrift_fail(reader, "varint of more than ten bytes");
  return 0;
}

static int64_t get_zigzag(ice_thrift_reader *reader) {
  uint64_t value = get_varint(reader);
  return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

static int64_t get_zigzag_within(ice_thrift_reader *reader, int64_t min, int64_t max) {
  int64_t value = get_zigzag(reader);
  if (value < min || value > max) {
    ice_thrift_fail(reader, "number outside its type");
    return 0;
  }
  return value;
}

bool ice_thrift_next(ice_thrift_reader *reader, ice_thrift_field *field) {
  uint8_t head = get_u8(reader);
  if (failed(reader) || head == ICE_THRIFT_STOP) {
    return false;
  }
  unsigned type = head & 0x0f;
  if (type == ICE_THRIFT_STOP || type > ICE_THRIFT_STRUCT) {
    ice_thrift_fail(reader, "unknown field type");
    return false;
  }
  int64_t id = head >> 4 ? field->id + (head >> 4) : get_zigzag_within(reader, INT16_MIN, INT16_MAX);
  if (failed(reader) || id > INT16_MAX) {
    ice_thrift_fail(reader, "field id out of range");
    return false;
  }
  *field = (ice_thrift_field){.id = (int16_t)id, .type = (ice_thrift_type)type};
  return true;
}

static bool expect(ice_thrift_reader *reader, const ice_thrift_field *field, ice_thrift_type type) {
  if (field->type != type) {
    ice_thrift_fail(reader, "field of an unexpected type");
  }
  return !failed(reader);
}

bool ice_thrift_read_bool(ice_thrift_reader *reader, const ice_thrift_field *field) {
  if (field->type != ICE_THRIFT_TRUE && field->type != ICE_THRIFT_FALSE) {
    ice_thrift_fail(reader, "field of an unexpected type");
  }
  return !failed(reader) && field->type == ICE_THRIFT_TRUE;
}

int8_t ice_thrift_read_i8(ice_thrift_reader *reader, const ice_thrift_field *field) {
  if (!expect(reader, field, ICE_THRIFT_I8)) {
    return 0;
  }
  uint8_t byte = get_u8(reader);
  return (int8_t)(byte < 0x80 ? byte : byte - 0x100);
}

int16_t ice_thrift_read_i16(ice_thrift_reader *reader, const ice_thrift_field *field) {
  bool fits = expect(reader, field, ICE_THRIFT_I16);
  return (int16_t)(fits ? get_zigzag_within(reader, INT16_MIN, INT16_MAX) : 0);
}

int32_t ice_thrift_read_i32(ice_thrift_reader *reader, const ice_thrift_field *field) {
  return expect(reader, field, ICE_THRIFT_I32) ? ice_thrift_read_element_i32(reader) : 0;
}

int64_t ice_thrift_read_i64(ice_thrift_reader *reader, const ice_thrift_field *field) {
  return expect(reader, field, ICE_THRIFT_I64) ? get_zigzag(reader) : 0;
}

ice_str ice_thrift_read_binary(ice_thrift_reader *reader, const ice_thrift_field *field) {
  return expect(reader, field, ICE_THRIFT_BINARY) ? ice_thrift_read_element_binary(reader) : (ice_str){0};
}

bool ice_thrift_read_struct(ice_thrift_reader *reader, const ice_thrift_field *field) {
  return expect(reader, field, ICE_THRIFT_STRUCT);
}

static uint32_t get_list_head(ice_thrift_reader *reader, ice_thrift_type *element) {
  uint8_t head = get_u8(reader);
  uint64_t count = head >> 4 == 15 ? get_varint(reader) : head >> 4;
  *element = (ice_thrift_type)(head & 0x0f);
  // Every element takes at least one byte, also a boolean and a struct without fields.
  if (failed(reader) || count > left(reader) || count > UINT32_MAX) {
    ice_thrift_fail(reader, "list longer than the data");
    return 0;
  }
  return (uint32_t)count;
}

uint32_t ice_thrift_read_list(ice_thrift_reader *reader, const ice_thrift_field *field, ice_thrift_type element) {
  if (!expect(reader, field, ICE_THRIFT_LIST)) {
    return 0;
  }
  ice_thrift_type found = ICE_THRIFT_STOP;
  uint32_t count = get_list_head(reader, &found);
  bool same = found == element || (element == ICE_THRIFT_TRUE && found == ICE_THRIFT_FALSE);
  if (count > 0 && !same) {
    ice_thrift_fail(reader, "list of an unexpected type");
    return 0;
  }
  return count;
}

bool ice_thrift_read_element_bool(ice_thrift_reader *reader) { return get_u8(reader) == ICE_THRIFT_TRUE; }

int32_t ice_thrift_read_element_i32(ice_thrift_reader *reader) {
  return (int32_t)get_zigzag_within(reader, INT32_MIN, INT32_MAX);
}

int64_t ice_thrift_read_element_i64(ice_thrift_reader *reader) { return get_zigzag(reader); }

ice_str ice_thrift_read_element_binary(ice_thrift_reader *reader) {
  uint64_t size = get_varint(reader);
  if (failed(reader) || size > left(reader)) {
    ice_thrift_fail(reader, "text longer than the data");
    return (ice_str){0};
  }
  ice_str text = {.data = (const char *)reader->data + reader->position, .size = (size_t)size};
  reader->position += (size_t)size;
  return text;
}

static void skip_bytes(ice_thrift_reader *reader, size_t size) {
  if (size > left(reader)) {
    ice_thrift_fail(reader, "truncated");
    return;
  }
  reader->position += size;
}

// `element`: a boolean in a list takes a byte, in a field none.
static void skip_value(ice_thrift_reader *reader, ice_thrift_type type, bool element, unsigned depth) {
  if (depth > ICE_THRIFT_DEPTH_MAX) {
    ice_thrift_fail(reader, "too many nested values");
    return;
  }
  switch (type) {
    case ICE_THRIFT_TRUE:
    case ICE_THRIFT_FALSE: skip_bytes(reader, element ? 1 : 0); return;
    case ICE_THRIFT_I8: skip_bytes(reader, 1); return;
    case ICE_THRIFT_I16:
    case ICE_THRIFT_I32:
    case ICE_THRIFT_I64: get_varint(reader); return;
    case ICE_THRIFT_DOUBLE: skip_bytes(reader, 8); return;
    case ICE_THRIFT_BINARY: ice_thrift_read_element_binary(reader); return;
    case ICE_THRIFT_LIST:
    case ICE_THRIFT_SET: {
      ice_thrift_type inner = ICE_THRIFT_STOP;
      uint32_t count = get_list_head(reader, &inner);
      for (uint32_t i = 0; i < count && !failed(reader); i++) {
        skip_value(reader, inner, true, depth + 1);
      }
      return;
    }
    case ICE_THRIFT_MAP: {
      uint64_t count = get_varint(reader);
      if (count > left(reader)) {
        ice_thrift_fail(reader, "map longer than the data");
        return;
      }
      uint8_t types = count > 0 ? get_u8(reader) : 0;
      for (uint64_t i = 0; i < count && !failed(reader); i++) {
        skip_value(reader, (ice_thrift_type)(types >> 4), true, depth + 1);
        skip_value(reader, (ice_thrift_type)(types & 0x0f), true, depth + 1);
      }
      return;
    }
    case ICE_THRIFT_STRUCT: {
      ice_thrift_field field = {0};
      while (ice_thrift_next(reader, &field)) {
        skip_value(reader, field.type, false, depth + 1);
      }
      return;
    }
    case ICE_THRIFT_STOP: break;
  }
  ice_thrift_fail(reader, "unknown type");
}

void ice_thrift_skip(ice_thrift_reader *reader, const ice_thrift_field *field) {
  skip_value(reader, field->type, false, 0);
}
