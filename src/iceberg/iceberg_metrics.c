#include "iceberg/iceberg_metrics.h"

#include "base/checked.h"
#include "base/utf8.h"

enum { BOUND_SIZE_MAX = 1 << 24 };

static const ice_str property_prefix = ICE_STR_INIT("write.metadata.metrics.");

static bool parse_mode(ice_str text, ice_metrics_mode *mode, uint32_t *length) {
  *length = 0;
  if (ice_str_equal_c(text, "none")) {
    *mode = ICE_METRICS_NONE;
  } else if (ice_str_equal_c(text, "counts")) {
    *mode = ICE_METRICS_COUNTS;
  } else if (ice_str_equal_c(text, "full")) {
    *mode = ICE_METRICS_FULL;
  } else {
    static const ice_str prefix = ICE_STR_INIT("truncate(");
    if (!ice_str_starts_with(text, prefix) || text.data[text.size - 1] != ')' || text.size > prefix.size + 8) {
      return false;
    }
    for (size_t i = prefix.size; i + 1 < text.size; i++) {
      if (text.data[i] < '0' || text.data[i] > '9') {
        return false;
      }
      *length = *length * 10 + (uint32_t)(text.data[i] - '0');
    }
    *mode = ICE_METRICS_TRUNCATE;
    return *length != 0;
  }
  return true;
}

static void parse_count(ice_str text, uint32_t *out) {
  uint32_t value = 0;
  if (text.size == 0 || text.size > 9) {
    return;
  }
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') {
      return;
    }
    value = value * 10 + (uint32_t)(text.data[i] - '0');
  }
  *out = value;
}

// The id of a column that a property names with dots ("a.b"); 0 where there is none.
static int32_t find_path(const ice_type *type, ice_str path) {
  for (uint32_t i = 0; i < type->field_count; i++) {
    const ice_field *field = &type->fields[i];
    if (!ice_str_starts_with(path, field->name)) {
      continue;
    }
    if (path.size == field->name.size) {
      return field->id;
    }
    if (path.data[field->name.size] == '.') {
      ice_str rest = {.data = path.data + field->name.size + 1, .size = path.size - field->name.size - 1};
      int32_t id = find_path(&field->type, rest);
      if (id != 0) {
        return id;
      }
    }
  }
  return 0;
}

ice_status ice_metrics_config_read(const ice_schema *schema, const ice_property *properties, uint32_t property_count,
                                   ice_arena *arena, ice_metrics_config *out, ice_error *err) {
  *out = ice_metrics_config_default();
  ice_metrics_override *overrides = ice_arena_alloc_array(arena, property_count, sizeof *overrides, err);
  if (!overrides) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  static const ice_str column = ICE_STR_INIT("column.");
  uint32_t count = 0;
  for (uint32_t i = 0; i < property_count; i++) {
    if (!ice_str_starts_with(properties[i].key, property_prefix)) {
      continue;
    }
    ice_str key = {.data = properties[i].key.data + property_prefix.size,
                   .size = properties[i].key.size - property_prefix.size};
    ice_metrics_mode mode;
    uint32_t length;
    if (ice_str_equal_c(key, "max-inferred-column-defaults")) {
      parse_count(properties[i].value, &out->columns_max);
    } else if (ice_str_equal_c(key, "default") && parse_mode(properties[i].value, &mode, &length)) {
      out->mode = mode;
      out->length = length;
    } else if (ice_str_starts_with(key, column) && parse_mode(properties[i].value, &mode, &length)) {
      ice_str path = {.data = key.data + column.size, .size = key.size - column.size};
      int32_t id = find_path(&schema->root, path);
      if (id != 0) {
        overrides[count++] = (ice_metrics_override){.field_id = id, .mode = mode, .length = length};
      }
    }
  }
  out->overrides = overrides;
  out->override_count = count;
  return ICE_OK;
}

typedef struct metrics_run {
  const ice_metrics_config *config;
  const ice_leaf_metrics *leaves;
  uint32_t leaf_count;
  ice_arena *arena;
  ice_file_metrics *out;
  ice_error *err;
  uint32_t leaf_index;  ///< leaves of the schema that were seen
  uint32_t cursor;      ///< where the next leaf is expected in `leaves`
} metrics_run;

// Leaves usually come in the schema's order: the search starts where the last one ended.
static const ice_leaf_metrics *find_leaf(metrics_run *run, int32_t id) {
  for (uint32_t i = 0; i < run->leaf_count; i++) {
    uint32_t at = run->cursor + i < run->leaf_count ? run->cursor + i : run->cursor + i - run->leaf_count;
    if (run->leaves[at].field_id == id) {
      run->cursor = at + 1 < run->leaf_count ? at + 1 : 0;
      return &run->leaves[at];
    }
  }
  return NULL;
}

static ice_metrics_mode mode_of(const metrics_run *run, int32_t id, uint32_t *length) {
  const ice_metrics_config *config = run->config;
  for (uint32_t i = 0; i < config->override_count; i++) {
    if (config->overrides[i].field_id == id) {
      *length = config->overrides[i].length;
      return config->overrides[i].mode;
    }
  }
  *length = config->length;
  return run->leaf_index > config->columns_max ? ICE_METRICS_NONE : config->mode;
}

static void put_count(ice_metric_count *list, uint32_t *count, int32_t id, int64_t value) {
  if (value >= 0) {
    list[(*count)++] = (ice_metric_count){.field_id = id, .value = value};
  }
}

static ice_status lower_bound(const ice_field *field, const ice_leaf_metrics *leaf, uint32_t length, ice_bytes *out,
                              bool *found, ice_error *err) {
  ice_str value = leaf->min;
  *found = true;
  if (length != 0 && field->type.kind == ICE_KIND_STRING) {
    if (!ice_utf8_valid(value.data, value.size)) {
      // Cut inside a code point by whoever cut it first; what is left of it would break readers.
      *found = false;
      return ICE_OK;
    }
    value.size = ice_utf8_prefix(value.data, value.size, length);
  } else if (length != 0 && field->type.kind == ICE_KIND_BINARY && value.size > length) {
    value.size = length;
  }
  return ice_single_value_append(&field->type, value, out, err);
}

static ice_status upper_bound(const ice_field *field, const ice_leaf_metrics *leaf, uint32_t length, ice_bytes *out,
                              bool *found, ice_error *err) {
  if (length != 0 && field->type.kind == ICE_KIND_STRING) {
    return ice_truncate_upper_text(leaf->max, length, out, found, err);
  }
  if (length != 0 && field->type.kind == ICE_KIND_BINARY) {
    return ice_truncate_upper_binary(leaf->max, length, out, found, err);
  }
  *found = true;
  return ice_single_value_append(&field->type, leaf->max, out, err);
}

static bool is_floating(ice_kind kind) { return kind == ICE_KIND_FLOAT || kind == ICE_KIND_DOUBLE; }

// A bound that is NaN says nothing; a zero stands for both zeros (spec, "Manifests", note on bounds).
static bool fix_zero(const ice_type *type, ice_str raw, bool lower, char buffer[8], ice_str *out) {
  uint64_t bits = type->kind == ICE_KIND_FLOAT ? ice_load_u32le(raw.data) : ice_load_u64le(raw.data);
  uint64_t sign = type->kind == ICE_KIND_FLOAT ? UINT64_C(1) << 31 : UINT64_C(1) << 63;
  uint64_t infinity = type->kind == ICE_KIND_FLOAT ? UINT64_C(0x7F800000) : UINT64_C(0x7FF0000000000000);
  if ((bits & ~sign) > infinity) {
    return false;
  }
  *out = raw;
  if ((bits & ~sign) == 0) {
    memset(buffer, 0, 8);
    buffer[raw.size - 1] = lower ? (char)0x80 : 0;
    *out = ice_str_make(buffer, raw.size);
  }
  return true;
}

static ice_status put_bound(metrics_run *run, ice_metric_bound *list, uint32_t *count, int32_t id,
                            const ice_bytes *value) {
  ice_status status = ice_arena_copy_str(run->arena, ice_bytes_str(value), &list[*count].value, run->err);
  if (status == ICE_OK) {
    list[(*count)++].field_id = id;
  }
  return status;
}

static ice_status put_bounds(metrics_run *run, const ice_field *field, const ice_leaf_metrics *given,
                             uint32_t length) {
  ice_status status = ICE_OK;
  ice_error *err = run->err;
  ice_leaf_metrics leaf = *given;
  char lower_zero[8];
  char upper_zero[8];
  bool has_lower = false;
  bool has_upper = false;
  ice_bytes lower;
  ice_bytes upper;
  ice_bytes_init(&lower, BOUND_SIZE_MAX);
  ice_bytes_init(&upper, BOUND_SIZE_MAX);
  size_t width = field->type.kind == ICE_KIND_BOOLEAN ? 1 : ice_type_width(&field->type);
  if (width != 0 && (leaf.min.size != width || leaf.max.size != width)) {
    ICE_FAIL(ICE_INTERNAL, "bounds of field %d have %zu and %zu bytes, not %zu", field->id, leaf.min.size,
             leaf.max.size, width);
  }
  if (is_floating(field->type.kind) && (!fix_zero(&field->type, leaf.min, true, lower_zero, &leaf.min) ||
                                        !fix_zero(&field->type, leaf.max, false, upper_zero, &leaf.max))) {
    goto done;
  }
  if (ice_raw_compare(&field->type, leaf.min, leaf.max) > 0) {
    goto done;
  }
  ICE_TRY(lower_bound(field, &leaf, length, &lower, &has_lower, err));
  ICE_TRY(upper_bound(field, &leaf, length, &upper, &has_upper, err));
  if (has_lower) {
    ICE_TRY(put_bound(run, run->out->lower_bounds, &run->out->lower_bound_count, field->id, &lower));
  }
  if (has_upper) {
    ICE_TRY(put_bound(run, run->out->upper_bounds, &run->out->upper_bound_count, field->id, &upper));
  }
done:
  ice_bytes_deinit(&lower);
  ice_bytes_deinit(&upper);
  return status;
}

static ice_status add_leaf(metrics_run *run, const ice_field *field, bool repeated) {
  ice_file_metrics *out = run->out;
  uint32_t length = 0;
  run->leaf_index++;
  ice_metrics_mode mode = mode_of(run, field->id, &length);
  const ice_leaf_metrics *leaf = field->id == 0 ? NULL : find_leaf(run, field->id);
  if (!leaf) {
    return ICE_OK;
  }
  // Sizes are known of every column and cost nothing; Java writes them in every mode too.
  put_count(out->column_sizes, &out->column_size_count, field->id, leaf->column_size);
  if (mode == ICE_METRICS_NONE) {
    return ICE_OK;
  }
  put_count(out->value_counts, &out->value_count_count, field->id, leaf->value_count);
  put_count(out->null_counts, &out->null_count_count, field->id, leaf->null_count);
  if (is_floating(field->type.kind)) {
    put_count(out->nan_counts, &out->nan_count_count, field->id, leaf->nan_count);
  }
  if (mode == ICE_METRICS_COUNTS || repeated || !leaf->has_bounds) {
    return ICE_OK;
  }
  return put_bounds(run, field, leaf, mode == ICE_METRICS_TRUNCATE ? length : 0);
}

static ice_status walk(metrics_run *run, const ice_type *type, bool repeated) {
  for (uint32_t i = 0; i < type->field_count; i++) {
    const ice_field *field = &type->fields[i];
    ice_status status;
    if (ice_kind_nested(field->type.kind)) {
      status = walk(run, &field->type, repeated || field->type.kind != ICE_KIND_STRUCT);
    } else {
      status = add_leaf(run, field, repeated);
    }
    if (status != ICE_OK) {
      return status;
    }
  }
  return ICE_OK;
}

static void sort_counts(ice_metric_count *list, uint32_t count) {
  for (uint32_t i = 1; i < count; i++) {
    ice_metric_count item = list[i];
    uint32_t k = i;
    for (; k > 0 && list[k - 1].field_id > item.field_id; k--) {
      list[k] = list[k - 1];
    }
    list[k] = item;
  }
}

static void sort_bounds(ice_metric_bound *list, uint32_t count) {
  for (uint32_t i = 1; i < count; i++) {
    ice_metric_bound item = list[i];
    uint32_t k = i;
    for (; k > 0 && list[k - 1].field_id > item.field_id; k--) {
      list[k] = list[k - 1];
    }
    list[k] = item;
  }
}

ice_status ice_file_metrics_build(const ice_schema *schema, const ice_metrics_config *config,
                                  const ice_leaf_metrics *leaves, uint32_t leaf_count, ice_arena *arena,
                                  ice_file_metrics *out, ice_error *err) {
  ice_status status = ICE_OK;
  *out = (ice_file_metrics){0};
  ice_metric_count *counts = ice_arena_alloc_array(arena, (size_t)leaf_count * 4, sizeof *counts, err);
  ice_metric_bound *bounds =
      counts ? ice_arena_alloc_array(arena, (size_t)leaf_count * 2, sizeof *bounds, err) : NULL;
  if (!bounds) {
    return err ? err->status : ICE_NO_MEMORY;
  }
  *out = (ice_file_metrics){.column_sizes = counts,
                            .value_counts = counts + leaf_count,
                            .null_counts = counts + (size_t)leaf_count * 2,
                            .nan_counts = counts + (size_t)leaf_count * 3,
                            .lower_bounds = bounds,
                            .upper_bounds = bounds + leaf_count};
  metrics_run run = {
      .config = config, .leaves = leaves, .leaf_count = leaf_count, .arena = arena, .out = out, .err = err};
  ICE_TRY(walk(&run, &schema->root, false));
  sort_counts(out->column_sizes, out->column_size_count);
  sort_counts(out->value_counts, out->value_count_count);
  sort_counts(out->null_counts, out->null_count_count);
  sort_counts(out->nan_counts, out->nan_count_count);
  sort_bounds(out->lower_bounds, out->lower_bound_count);
  sort_bounds(out->upper_bounds, out->upper_bound_count);
done:
  return status;
}
