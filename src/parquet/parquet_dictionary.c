#include "parquet/parquet_dictionary.h"

enum {
  SLOT_BITS_FIRST = 5,
  // Linear probing at half load does not come near this; values made to collide do, and then the dictionary is
  // full instead of slow.
  PROBES_MAX = 128,
  // Texts up to this size are compared without a call.
  INLINE_MAX = 48
};

#define INLINE static inline __attribute__((always_inline))

void ice_parquet_dictionary_init(ice_parquet_dictionary *dictionary, uint32_t width, size_t size_max) {
  *dictionary = (ice_parquet_dictionary){.width = width, .size_max = size_max};
  ice_bytes_init(&dictionary->plain, SIZE_MAX);
  ice_bytes_init(&dictionary->offsets, SIZE_MAX);
  ice_bytes_init(&dictionary->slots, SIZE_MAX);
}

void ice_parquet_dictionary_deinit(ice_parquet_dictionary *dictionary) {
  ice_bytes_deinit(&dictionary->plain);
  ice_bytes_deinit(&dictionary->offsets);
  ice_bytes_deinit(&dictionary->slots);
  dictionary->count = 0;
}

void ice_parquet_dictionary_freeze(ice_parquet_dictionary *dictionary) { ice_bytes_deinit(&dictionary->slots); }

// Hashing -----------------------------------------------------------------------------------------------------------

static const uint64_t multiplier_a = 0x9e3779b97f4a7c15u;
static const uint64_t multiplier_b = 0xd6e8feb86659fd93u;

INLINE uint64_t mix(uint64_t hash) {
  hash ^= hash >> 32;
  hash *= multiplier_b;
  return hash ^ hash >> 29;
}

// Eight bytes at a time, the last eight overlapping what was read; short texts as one number.
INLINE uint64_t hash_bytes(const uint8_t *data, size_t size) {
  uint64_t hash = size * multiplier_b;
  if (size >= 8) {
    size_t i = 0;
    for (; i + 16 <= size; i += 16) {
      hash = (hash ^ ice_load_u64le(data + i)) * multiplier_a;
      hash = (hash ^ hash >> 32 ^ ice_load_u64le(data + i + 8)) * multiplier_b;
    }
    if (i + 8 <= size) {
      hash = (hash ^ hash >> 32 ^ ice_load_u64le(data + i)) * multiplier_a;
    }
    hash = (hash ^ hash >> 32 ^ ice_load_u64le(data + size - 8)) * multiplier_b;
  } else if (size >= 4) {
    uint64_t word = ice_load_u32le(data) | (uint64_t)ice_load_u32le(data + size - 4) << 32;
    hash = (hash ^ word) * multiplier_a;
  } else if (size > 0) {
    uint64_t word = data[0] | (uint64_t)data[size / 2] << 8 | (uint64_t)data[size - 1] << 16;
    hash = (hash ^ word) * multiplier_a;
  }
  return mix(hash);
}

INLINE bool equal_bytes(const uint8_t *a, const uint8_t *b, size_t size) {
  if (size > INLINE_MAX) {
    return memcmp(a, b, size) == 0;
  }
  if (size >= 8) {
    uint64_t difference = ice_load_u64le(a + size - 8) ^ ice_load_u64le(b + size - 8);
    for (size_t i = 0; i + 8 < size; i += 8) {
      difference |= ice_load_u64le(a + i) ^ ice_load_u64le(b + i);
    }
    return difference == 0;
  }
  if (size >= 4) {
    uint32_t difference = ice_load_u32le(a) ^ ice_load_u32le(b);
    return (difference | (ice_load_u32le(a + size - 4) ^ ice_load_u32le(b + size - 4))) == 0;
  }
  for (size_t i = 0; i < size; i++) {
    if (a[i] != b[i]) {
      return false;
    }
  }
  return true;
}

INLINE uint64_t hash_fixed(const uint8_t *value, uint32_t width) {
  switch (width) {
    case 4: return mix(ice_load_u32le(value) * multiplier_a);
    case 8: return mix(ice_load_u64le(value) * multiplier_a);
    default: return hash_bytes(value, width);
  }
}

INLINE bool equal_fixed(const uint8_t *a, const uint8_t *b, uint32_t width) {
  switch (width) {
    case 4: return ice_load_u32le(a) == ice_load_u32le(b);
    case 8: return ice_load_u64le(a) == ice_load_u64le(b);
    default: return equal_bytes(a, b, width);
  }
}

// Table -------------------------------------------------------------------------------------------------------------

// The table's place comes from the high bits of the hash, the tag from the low ones.
INLINE uint32_t slot_place(const ice_parquet_dictionary *dictionary, uint64_t hash) {
  return (uint32_t)(hash >> (64 - dictionary->slot_bits));
}

INLINE uint32_t slot_make(uint64_t hash, uint32_t code) { return (uint32_t)(hash & 0xffff) << 16 | (code + 1); }

static ice_status grow_slots(ice_parquet_dictionary *dictionary, ice_error *err) {
  ice_bytes old = dictionary->slots;
  uint32_t bits = dictionary->slot_bits == 0 ? SLOT_BITS_FIRST : dictionary->slot_bits + 1;
  ice_bytes slots;
  ice_bytes_init(&slots, SIZE_MAX);
  ice_status status = ice_bytes_append_zero(&slots, sizeof(uint32_t) << bits, err);
  if (status != ICE_OK) {
    return status;
  }
  dictionary->slots = slots;
  dictionary->slot_bits = bits;
  uint32_t mask = (1u << bits) - 1;
  for (uint32_t code = 0; code < dictionary->count; code++) {
    ice_str entry = ice_parquet_dictionary_entry(dictionary, code);
    const uint8_t *value = (const uint8_t *)entry.data;
    uint64_t hash = dictionary->width != 0 ? hash_fixed(value, dictionary->width) : hash_bytes(value, entry.size);
    uint32_t place = slot_place(dictionary, hash);
    while (ice_load_u32le(slots.data + (size_t)place * 4) != 0) {
      place = (place + 1) & mask;
    }
    ice_store_u32le(slots.data + (size_t)place * 4, slot_make(hash, code));
  }
  ice_bytes_deinit(&old);
  return ICE_OK;
}

// Room for one entry more. `*full` where the limits forbid it.
INLINE ice_status make_room(ice_parquet_dictionary *dictionary, size_t entry_size, bool *full, ice_error *err) {
  if (dictionary->count >= ICE_PARQUET_DICTIONARY_COUNT_MAX ||
      entry_size > dictionary->size_max - dictionary->plain.size) {
    *full = true;
    return ICE_OK;
  }
  ice_status status = ice_bytes_reserve(&dictionary->plain, entry_size, err);
  if (status == ICE_OK && dictionary->width == 0) {
    status = ice_bytes_reserve(&dictionary->offsets, sizeof(uint32_t), err);
  }
  return status;
}

enum { CODE_NONE = -1 };

// The code of a value with this hash, adding it where it is new; CODE_NONE where it cannot be added (`*status` tells an
// error from a full dictionary).
INLINE int32_t find_or_add(ice_parquet_dictionary *dictionary, const uint8_t *value, size_t size, uint32_t width,
                           uint64_t hash, ice_status *status, ice_error *err) {
  if (ICE_UNLIKELY((uint64_t)dictionary->count * 2 >= (uint64_t)dictionary->slots.size / sizeof(uint32_t))) {
    *status = grow_slots(dictionary, err);
    if (*status != ICE_OK) {
      return CODE_NONE;
    }
  }
  uint32_t mask = (1u << dictionary->slot_bits) - 1;
  uint32_t place = slot_place(dictionary, hash);
  const uint8_t *slots = dictionary->slots.data;
  for (unsigned probe = 0; probe < PROBES_MAX; probe++, place = (place + 1) & mask) {
    uint32_t slot = ice_load_u32le(slots + (size_t)place * 4);
    if (slot == 0) {
      bool full = false;
      *status = make_room(dictionary, size + (width == 0 ? 4 : 0), &full, err);
      if (full || *status != ICE_OK) {
        return CODE_NONE;
      }
      uint32_t code = dictionary->count++;
      if (width == 0) {
        ice_store_u32le(dictionary->offsets.data + dictionary->offsets.size, (uint32_t)dictionary->plain.size);
        dictionary->offsets.size += sizeof(uint32_t);
        ice_store_u32le(dictionary->plain.data + dictionary->plain.size, (uint32_t)size);
        dictionary->plain.size += 4;
      }
      if (size != 0) {
        memcpy(dictionary->plain.data + dictionary->plain.size, value, size);
        dictionary->plain.size += size;
      }
      ice_store_u32le(dictionary->slots.data + (size_t)place * 4, slot_make(hash, code));
      return (int32_t)code;
    }
    if ((slot >> 16) != (hash & 0xffff)) {
      continue;
    }
    uint32_t code = (slot & 0xffff) - 1;
    ice_str entry = ice_parquet_dictionary_entry(dictionary, code);
    const uint8_t *known = (const uint8_t *)entry.data;
    if (width != 0 ? equal_fixed(known, value, width) : entry.size == size && equal_bytes(known, value, size)) {
      return (int32_t)code;
    }
  }
  return CODE_NONE;
}

INLINE ice_status encode_fixed(ice_parquet_dictionary *dictionary, const uint8_t *values, size_t count,
                               uint32_t width, uint16_t *codes, size_t *done, ice_error *err) {
  ice_status status = ICE_OK;
  size_t i = 0;
  int32_t code = CODE_NONE;
  for (; i < count; i++, values += width) {
    if (code == CODE_NONE || !equal_fixed(values, values - width, width)) {
      code = find_or_add(dictionary, values, width, width, hash_fixed(values, width), &status, err);
      if (ICE_UNLIKELY(code == CODE_NONE)) {
        break;
      }
    }
    codes[i] = (uint16_t)code;
  }
  *done = i;
  return status;
}

ice_status ice_parquet_dictionary_encode_fixed(ice_parquet_dictionary *dictionary, const uint8_t *values,
                                               size_t count, uint16_t *codes, size_t *done, ice_error *err) {
  switch (dictionary->width) {
    case 4: return encode_fixed(dictionary, values, count, 4, codes, done, err);
    case 8: return encode_fixed(dictionary, values, count, 8, codes, done, err);
    default: return encode_fixed(dictionary, values, count, dictionary->width, codes, done, err);
  }
}

// With many files open their dictionaries take turns in the cache, and so do the columns of a batch whose rows go to many
// files: a look-up is mostly waiting for memory. So texts are looked up in groups: everything that a step reads was asked
// for by the step before, for the whole group.
enum { GROUP = 32 };

typedef struct text_group {
  const uint8_t *values[GROUP];
  uint32_t sizes[GROUP];
  uint64_t hashes[GROUP];
  uint32_t slots[GROUP];  ///< what stands where the search begins
  bool repeated[GROUP];   ///< equal to the text before, in the group
} text_group;

// Most texts stand in no more than two lines of the cache.
INLINE void ask_for_text(const uint8_t *data, size_t size) {
  __builtin_prefetch(data);
  __builtin_prefetch(data + size);
}

INLINE void find_texts(const ice_column *column, const uint32_t *indices, uint32_t first, size_t count,
                       text_group *group) {
  for (size_t i = 0; i < count; i++) {
    ice_str text = ice_column_text(column, indices ? indices[i] : first + (uint32_t)i);
    group->values[i] = (const uint8_t *)text.data;
    group->sizes[i] = (uint32_t)text.size;
    ask_for_text(group->values[i], text.size);
  }
}

INLINE void hash_texts(const ice_parquet_dictionary *dictionary, size_t count, text_group *group) {
  for (size_t i = 0; i < count; i++) {
    uint32_t size = group->sizes[i];
    group->repeated[i] =
        i > 0 && size == group->sizes[i - 1] && equal_bytes(group->values[i], group->values[i - 1], size);
    group->hashes[i] = group->repeated[i] ? group->hashes[i - 1] : hash_bytes(group->values[i], size);
    __builtin_prefetch(dictionary->slots.data + (size_t)slot_place(dictionary, group->hashes[i]) * 4);
  }
}

INLINE void ask_for_entries(const ice_parquet_dictionary *dictionary, size_t count, text_group *group) {
  const uint8_t *offsets = dictionary->offsets.data;
  for (size_t i = 0; i < count; i++) {
    group->slots[i] = ice_load_u32le(dictionary->slots.data + (size_t)slot_place(dictionary, group->hashes[i]) * 4);
    __builtin_prefetch(offsets + (size_t)(group->slots[i] & 0xffff) * 4);
  }
  for (size_t i = 0; i < count; i++) {
    if (group->slots[i] != 0) {
      size_t code = (group->slots[i] & 0xffff) - 1;
      ask_for_text(dictionary->plain.data + ice_load_u32le(offsets + code * 4), group->sizes[i]);
    }
  }
}

INLINE ice_status encode_text(ice_parquet_dictionary *dictionary, const ice_column *column, const uint32_t *indices,
                              uint32_t first, size_t count, uint16_t *codes, size_t *done, ice_error *err) {
  ice_status status = ICE_OK;
  text_group group;
  int32_t code = CODE_NONE;
  *done = 0;
  if (dictionary->slots.size == 0) {
    status = grow_slots(dictionary, err);
  }
  for (size_t begin = 0; begin < count && status == ICE_OK; begin += GROUP) {
    size_t size = count - begin < GROUP ? count - begin : GROUP;
    find_texts(column, indices ? indices + begin : NULL, first + (uint32_t)begin, size, &group);
    hash_texts(dictionary, size, &group);
    ask_for_entries(dictionary, size, &group);
    for (size_t i = 0; i < size; i++) {
      if (!group.repeated[i]) {
        code = find_or_add(dictionary, group.values[i], group.sizes[i], 0, group.hashes[i], &status, err);
        if (ICE_UNLIKELY(code == CODE_NONE)) {
          return status;
        }
      }
      codes[begin + i] = (uint16_t)code;
      (*done)++;
    }
  }
  return status;
}

ice_status ice_parquet_dictionary_encode_text(ice_parquet_dictionary *dictionary, const ice_column *column,
                                              ice_parquet_rows rows, uint16_t *codes, size_t *done, ice_error *err) {
  return rows.indices ? encode_text(dictionary, column, rows.indices, 0, rows.count, codes, done, err)
                      : encode_text(dictionary, column, NULL, rows.first, rows.count, codes, done, err);
}
