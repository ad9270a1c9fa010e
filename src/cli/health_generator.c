#include "cli/health_generator.h"

#include "avro/avro_encode.h"
#include "codec/iso8601.h"
#include "codec/uuid.h"
#include "json/json_text.h"
#include <math.h>
#include <stdio.h>

const char *ice_health_schema(void) {
  return "{\"type\":\"record\",\"name\":\"HealthDataPayload\",\"fields\":["
         "{\"name\":\"deviceId\",\"type\":\"string\"},"
         "{\"name\":\"userId\",\"type\":\"string\"},"
         "{\"name\":\"samples\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":"
         "\"HealthSample\","
         "\"fields\":["
         "{\"name\":\"id\",\"type\":\"string\"},"
         "{\"name\":\"type\",\"type\":\"string\"},"
         "{\"name\":\"value\",\"type\":\"double\"},"
         "{\"name\":\"unit\",\"type\":\"string\"},"
         "{\"name\":\"startDate\",\"type\":\"string\"},"
         "{\"name\":\"endDate\",\"type\":\"string\"},"
         "{\"name\":\"sourceBundle\",\"type\":[\"null\",\"string\"],\"default\":null},"
         "{\"name\":\"metadata\",\"type\":{\"type\":\"map\",\"values\":\"string\"}},"
         "{\"name\":\"isSynced\",\"type\":\"boolean\"},"
         "{\"name\":\"createdAt\",\"type\":\"string\"}]}}},"
         "{\"name\":\"timestamp\",\"type\":\"string\"},"
         "{\"name\":\"appVersion\",\"type\":\"string\"}]}";
}

typedef struct sample_type {
  ice_str name;
  ice_str unit;
  double min;
  double max;
  int decimals;
} sample_type;

static const sample_type sample_types[] = {
    {ICE_STR_INIT("heartRate"), ICE_STR_INIT("count/min"), 50, 180, 0},
    {ICE_STR_INIT("restingHeartRate"), ICE_STR_INIT("count/min"), 45, 90, 0},
    {ICE_STR_INIT("steps"), ICE_STR_INIT("count"), 0, 2000, 0},
    {ICE_STR_INIT("distance"), ICE_STR_INIT("m"), 0, 1500, 1},
    {ICE_STR_INIT("activeEnergy"), ICE_STR_INIT("kcal"), 0, 120, 2},
    {ICE_STR_INIT("oxygenSaturation"), ICE_STR_INIT("%"), 90, 100, 1},
    {ICE_STR_INIT("bodyTemperature"), ICE_STR_INIT("degC"), 35, 40, 1},
    {ICE_STR_INIT("respiratoryRate"), ICE_STR_INIT("count/min"), 10, 30, 0},
};

/// How a message is bad. The first ones spoil the whole message, the others one element.
typedef enum fault {
  FAULT_NONE,
  FAULT_MAGIC,
  FAULT_SCHEMA_ID,
  FAULT_TRUNCATED,
  FAULT_TRAILING,
  FAULT_UTF8,
  FAULT_DATE,
  FAULT_RANGE,
  FAULT_NEGATIVE,
  FAULT_NAN,
  FAULT_ORDER,
  FAULT_EMPTY_ID,
  FAULT_COUNT
} fault;

// SplitMix64 (Steele, Lea, Flood 2014): a bijection, so different states never give the same first number.
static uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

static uint64_t next(uint64_t *state) {
  uint64_t value = mix(*state);
  *state += 0x9E3779B97F4A7C15u;
  return value;
}

static uint64_t below(uint64_t *state, uint64_t limit) { return next(state) % limit; }

static void make_uuid(uint64_t high, uint64_t low, char out[ICE_UUID_TEXT_SIZE + 1]) {
  uint8_t bytes[16];
  ice_store_u64be(bytes, high);
  ice_store_u64be(bytes + 8, low);
  ice_uuid uuid = ice_uuid_v4(bytes);
  ice_uuid_format(&uuid, out);
}

// UUID v4 fixes six bits, so the coordinates stay below 2^56 and are spread over bits that it keeps.
static void sample_id(int32_t partition, int64_t offset, uint32_t element, uint64_t seed,
                      char out[ICE_UUID_TEXT_SIZE + 1]) {
  uint64_t place = (uint64_t)partition << 44 | (uint64_t)offset << 3 | element;
  uint64_t scrambled = (place * 0xD1342543DE82EF95u) & 0xFFFFFFFFFFFFFFu;  // odd multiplier: a bijection below 2^56
  uint64_t high = (scrambled >> 8) << 16 | (mix(seed ^ place) & 0xFFFF);
  uint64_t low = (scrambled & 0xFF) | (mix(place + seed) & ~(uint64_t)0xFF);
  make_uuid(high, low, out);
}

typedef struct message {
  uint64_t random;
  int32_t partition;
  int64_t offset;
  uint64_t seed;
  fault fault;
  uint32_t bad_element;
  uint32_t sample_count;
  bool json;
} message;

// The name before a value, which only JSON writes.
static ice_status put_name(ice_bytes *out, const message *m, const char *name, ice_error *err) {
  if (!m->json) {
    return ICE_OK;
  }
  bool first = out->data[out->size - 1] == '{';
  return ice_bytes_append_format(out, err, "%s\"%s\":", first ? "" : ",", name);
}

static ice_status put_mark(ice_bytes *out, const message *m, char mark, ice_error *err) {
  return m->json ? ice_bytes_append_u8(out, (uint8_t)mark, err) : ICE_OK;
}

// No text of this stream has a character that JSON escapes; one that is no UTF-8 is meant to stay so.
static ice_status put_text(ice_bytes *out, const message *m, const char *name, ice_str text, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(put_name(out, m, name, err));
  ICE_TRY(m->json ? ice_bytes_append_u8(out, '"', err) : ice_avro_put_long(out, (int64_t)text.size, err));
  ICE_TRY(ice_bytes_append_str(out, text, err));
  ICE_TRY(put_mark(out, m, '"', err));
done:
  return status;
}

static ice_status put_double(ice_bytes *out, const message *m, const char *name, double value, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(put_name(out, m, name, err));
  if (!m->json) {
    return ice_avro_put_double(out, value, err);
  }
  ICE_TRY(isnan(value) ? ice_bytes_append_str(out, ICE_STR("\"NaN\""), err)
                       : ice_json_append_double(out, value, err));
done:
  return status;
}

static ice_status put_boolean(ice_bytes *out, const message *m, const char *name, bool value, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(put_name(out, m, name, err));
  ICE_TRY(m->json ? ice_bytes_append_str(out, value ? ICE_STR("true") : ICE_STR("false"), err)
                  : ice_avro_put_boolean(out, value, err));
done:
  return status;
}

static ice_status put_optional(ice_bytes *out, const message *m, const char *name, ice_str text, ice_error *err) {
  ice_status status = ICE_OK;
  if (m->json && !text.data) {
    ICE_TRY(put_name(out, m, name, err));
    return ice_bytes_append_str(out, ICE_STR("null"), err);
  }
  if (!m->json) {
    ICE_TRY(ice_avro_put_long(out, text.data != NULL, err));
  }
  if (text.data) {
    ICE_TRY(put_text(out, m, name, text, err));
  }
done:
  return status;
}

static ice_status put_date(ice_bytes *out, const message *m, const char *name, int64_t us, bool with_offset,
                           ice_error *err) {
  char text[ICE_ISO8601_SIZE + 8];
  size_t size = ice_iso8601_format_timestamp(with_offset ? us + 7200 * (int64_t)1000000 : us, text);
  const char *zone = with_offset ? "+02:00" : "Z";
  memcpy(text + size, zone, strlen(zone));
  return put_text(out, m, name, ice_str_make(text, size + strlen(zone)), err);
}

static double sample_value(message *m, const sample_type *type, bool bad) {
  double scale = type->decimals == 0 ? 1 : type->decimals == 1 ? 10 : 100;
  double span = (type->max - type->min) * scale;
  double value = (floor(type->min * scale) + (double)below(&m->random, (uint64_t)span + 1)) / scale;
  if (bad && m->fault == FAULT_RANGE) {
    return 1000000 + value;
  }
  if (bad && m->fault == FAULT_NEGATIVE) {
    return -1 - value;
  }
  return bad && m->fault == FAULT_NAN ? (double)NAN : value;
}

static ice_status put_metadata(ice_bytes *out, message *m, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(put_name(out, m, "metadata", err));
  ICE_TRY(put_mark(out, m, '{', err));
  if (below(&m->random, 4) == 0) {
    ice_str context = below(&m->random, 2) ? ICE_STR("active") : ICE_STR("sedentary");
    if (m->json) {
      ICE_TRY(put_text(out, m, "motionContext", context, err));
    } else {
      ICE_TRY(ice_avro_put_long(out, 1, err));
      ICE_TRY(put_text(out, m, NULL, ICE_STR("motionContext"), err));
      ICE_TRY(put_text(out, m, NULL, context, err));
    }
  }
  ICE_TRY(m->json ? ice_bytes_append_u8(out, '}', err) : ice_avro_put_long(out, 0, err));
done:
  return status;
}

static ice_status put_sample(ice_bytes *out, message *m, uint32_t index, ice_error *err) {
  static const int64_t first_us = 1748736000 * (int64_t)1000000;  // 2025-06-01T00:00:00Z
  bool bad = m->fault > FAULT_TRAILING && index == m->bad_element;
  // A value beyond its range needs a type that has one.
  const sample_type *type = &sample_types[below(&m->random, ICE_COUNT_OF(sample_types))];
  int64_t start = first_us + (int64_t)below(&m->random, 3 * 86400 * (uint64_t)1000) * 1000;
  int64_t end = start + (int64_t)below(&m->random, 600) * 1000000;
  char id[ICE_UUID_TEXT_SIZE + 1];
  ice_status status = ICE_OK;
  sample_id(m->partition, m->offset, index, m->seed, id);
  ICE_TRY(put_mark(out, m, '{', err));
  ICE_TRY(put_text(out, m, "id", bad && m->fault == FAULT_EMPTY_ID ? (ice_str){0} : ice_str_of(id), err));
  ICE_TRY(put_text(out, m, "type", type->name, err));
  ICE_TRY(put_double(out, m, "value", sample_value(m, type, bad), err));
  ICE_TRY(put_text(out, m, "unit", bad && m->fault == FAULT_UTF8 ? ICE_STR("count\xFF\xFE") : type->unit, err));
  if (bad && m->fault == FAULT_DATE) {
    ICE_TRY(put_text(out, m, "startDate", ICE_STR("2025-02-30T12:00:00Z"), err));
  } else {
    ICE_TRY(put_date(out, m, "startDate", start, below(&m->random, 10) == 0, err));
  }
  ICE_TRY(
      put_date(out, m, "endDate", bad && m->fault == FAULT_ORDER ? start - 60 * (int64_t)1000000 : end, false, err));
  ICE_TRY(put_optional(out, m, "sourceBundle",
                       below(&m->random, 5) == 0 ? (ice_str){0} : ICE_STR("com.example.health"), err));
  ICE_TRY(put_metadata(out, m, err));
  ICE_TRY(put_boolean(out, m, "isSynced", below(&m->random, 2) != 0, err));
  ICE_TRY(put_date(out, m, "createdAt", end + 1000000, false, err));
  ICE_TRY(put_mark(out, m, '}', err));
done:
  return status;
}

static ice_status put_samples(ice_bytes *out, message *m, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(put_name(out, m, "samples", err));
  ICE_TRY(put_mark(out, m, '[', err));
  if (m->sample_count > 0 && !m->json) {
    ICE_TRY(ice_avro_put_long(out, m->sample_count, err));
  }
  for (uint32_t i = 0; i < m->sample_count; i++) {
    if (i > 0) {
      ICE_TRY(put_mark(out, m, ',', err));
    }
    ICE_TRY(put_sample(out, m, i, err));
  }
  ICE_TRY(m->json ? ice_bytes_append_u8(out, ']', err) : ice_avro_put_long(out, 0, err));
done:
  return status;
}

static ice_status put_header(ice_bytes *out, const message *m, ice_error *err) {
  uint8_t header[5] = {0};
  if (m->json) {
    return ice_bytes_append_u8(out, '{', err);
  }
  header[0] = m->fault == FAULT_MAGIC ? 0x7B : 0;
  ice_store_u32be(header + 1, m->fault == FAULT_SCHEMA_ID ? 999999 : ICE_HEALTH_SCHEMA_ID);
  return ice_bytes_append(out, header, sizeof header, err);
}

static ice_status put_message(ice_bytes *out, message *m, ice_error *err) {
  char text[ICE_UUID_TEXT_SIZE + 1];
  ice_status status = ICE_OK;
  ICE_TRY(put_header(out, m, err));
  uint64_t user = below(&m->random, 5000);
  make_uuid(mix(user * 2 + 1), mix(user + m->seed), text);
  ICE_TRY(put_text(out, m, "deviceId", ice_str_of(text), err));
  int size = snprintf(text, sizeof text, "user-%05u", (unsigned)user);
  ICE_TRY(put_text(out, m, "userId", ice_str_make(text, (size_t)size), err));
  ICE_TRY(put_samples(out, m, err));
  ICE_TRY(put_date(out, m, "timestamp", 1748995200 * (int64_t)1000000 + m->offset * 1000, false, err));
  ICE_TRY(put_text(out, m, "appVersion", ICE_STR("4.2.0"), err));
  ICE_TRY(put_mark(out, m, '}', err));
done:
  return status;
}

static void judge(const message *m, ice_health_verdict *verdict) {
  bool whole = m->fault >= FAULT_MAGIC && m->fault <= FAULT_TRAILING;
  *verdict = (ice_health_verdict){
      .elements = (int32_t)m->sample_count, .rows = (int32_t)m->sample_count, .element_index = -1};
  if (whole) {
    *verdict = (ice_health_verdict){.elements = 1, .error_type = "deserialization_error", .element_index = -1};
  } else if (m->sample_count == 0) {
    *verdict = (ice_health_verdict){.elements = 1, .filtered = 1, .element_index = -1};
  } else if (m->fault != FAULT_NONE) {
    verdict->rows--;
    verdict->element_index = (int32_t)m->bad_element;
    verdict->error_type = m->fault == FAULT_UTF8   ? "deserialization_error"
                          : m->fault == FAULT_DATE ? "transformation_error"
                                                   : "validation_error";
  }
}

ice_status ice_health_generate(const ice_health_generator *generator, int32_t partition, int64_t offset,
                               ice_bytes *out, ice_health_verdict *verdict, ice_error *err) {
  message m = {.random = mix(generator->seed ^ mix((uint64_t)partition << 44 | (uint64_t)offset)),
               .partition = partition,
               .offset = offset,
               .seed = generator->seed,
               .json = generator->json};
  size_t begin = out->size;
  bool bad = below(&m.random, 10000) < (uint64_t)generator->bad_per_10000;
  m.sample_count = below(&m.random, 1000) == 0 ? 0 : 1 + (uint32_t)below(&m.random, ICE_HEALTH_SAMPLES_MAX);
  if (bad) {
    m.fault = (fault)(1 + below(&m.random, FAULT_COUNT - 1));
    // An empty message has no element to spoil.
    m.sample_count = m.sample_count == 0 ? 1 : m.sample_count;
    m.bad_element = (uint32_t)below(&m.random, m.sample_count);
  }
  ice_status status = put_message(out, &m, err);
  if (status == ICE_OK && m.fault == FAULT_TRUNCATED) {
    out->size -= 1 + (size_t)below(&m.random, (out->size - begin) / 2);
  }
  if (status == ICE_OK && m.fault == FAULT_TRAILING) {
    status = ice_bytes_append_str(out, ICE_STR("\x01\x02"), err);
  }
  if (status == ICE_OK && m.json && (m.fault == FAULT_MAGIC || m.fault == FAULT_SCHEMA_ID)) {
    // Text has no header to be wrong; its first or last character is instead.
    out->data[m.fault == FAULT_MAGIC ? begin : out->size - 1] = '(';
  }
  judge(&m, verdict);
  return status;
}
