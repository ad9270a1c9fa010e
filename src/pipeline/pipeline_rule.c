#include "pipeline/pipeline_rule.h"

#include "json/json_text.h"
#include <float.h>
#include <math.h>

bool ice_when_matches(const ice_when *when, const ice_view *views, size_t row) {
  for (uint32_t i = 0; i < when->count; i++) {
    const ice_condition *condition = &when->conditions[i];
    const ice_view *view = &views[condition->column];
    if (ice_view_is_null(view, row) ||
        !ice_str_equal(ice_column_text(view->column, ice_view_index(view, row)), condition->equals)) {
      return false;
    }
  }
  return true;
}

// The value of a numeric or time-like column as a double; times compare as numbers of their own unit.
static double number_at(const ice_column *column, int64_t at) {
  switch (column->kind) {
    case ICE_KIND_INT:
    case ICE_KIND_DATE: return (double)ice_column_i32(column, at);
    case ICE_KIND_LONG:
    case ICE_KIND_TIME:
    case ICE_KIND_TIMESTAMP:
    case ICE_KIND_TIMESTAMPTZ: return (double)ice_column_i64(column, at);
    case ICE_KIND_FLOAT: return (double)ice_column_f32(column, at);
    case ICE_KIND_DOUBLE: return ice_column_f64(column, at);
    case ICE_KIND_BOOLEAN:
    case ICE_KIND_DECIMAL:
    case ICE_KIND_STRING:
    case ICE_KIND_UUID:
    case ICE_KIND_FIXED:
    case ICE_KIND_BINARY:
    case ICE_KIND_STRUCT:
    case ICE_KIND_LIST:
    case ICE_KIND_MAP: break;
  }
  return 0;
}

static bool between(const ice_rule_spec *rule, const ice_view *view, size_t row) {
  double value = number_at(view->column, ice_view_index(view, row));
  // Written so that NaN fails.
  return (!rule->has_min || value >= rule->min) && (!rule->has_max || value <= rule->max) && !isnan(value);
}

static bool not_before(const ice_view *view, const ice_view *other, size_t row) {
  if (ice_view_is_null(other, row)) {
    return true;
  }
  int64_t at = ice_view_index(view, row);
  int64_t other_at = ice_view_index(other, row);
  if (view->column->width == 8 && other->column->width == 8 && view->column->kind != ICE_KIND_DOUBLE) {
    return ice_column_i64(view->column, at) >= ice_column_i64(other->column, other_at);
  }
  return number_at(view->column, at) >= number_at(other->column, other_at);
}

static bool one_of(const ice_rule_spec *rule, const ice_view *view, size_t row) {
  ice_str text = ice_column_text(view->column, ice_view_index(view, row));
  for (uint32_t i = 0; i < rule->value_count; i++) {
    if (ice_str_equal(text, rule->values[i])) {
      return true;
    }
  }
  return false;
}

static bool passes(const ice_rule_spec *rule, const ice_view *views, size_t row) {
  const ice_view *view = &views[rule->column];
  if (ice_view_is_null(view, row)) {
    return rule->kind != ICE_RULE_NOT_EMPTY;
  }
  switch (rule->kind) {
    case ICE_RULE_BETWEEN: return between(rule, view, row);
    case ICE_RULE_FINITE: return isfinite(number_at(view->column, ice_view_index(view, row)));
    case ICE_RULE_NOT_EMPTY: return ice_column_text(view->column, ice_view_index(view, row)).size != 0;
    case ICE_RULE_NOT_BEFORE: return not_before(view, &views[rule->other], row);
    case ICE_RULE_ONE_OF: return one_of(rule, view, row);
  }
  return true;
}

// Most rules are about the range of a double. The comparisons are written so that NaN fails.
static void apply_to_doubles(const ice_rule_spec *rule, uint32_t index, const ice_view *views, size_t row_count,
                             ice_fault *faults) {
  const ice_view *view = &views[rule->column];
  bool finite = rule->kind == ICE_RULE_FINITE;
  double min = finite ? -DBL_MAX : rule->has_min ? rule->min : -INFINITY;
  double max = finite ? DBL_MAX : rule->has_max ? rule->max : INFINITY;
  for (size_t row = 0; row < row_count; row++) {
    double value = ice_column_f64(view->column, ice_view_index(view, row));
    if (!(value >= min && value <= max) && !ice_view_is_null(view, row) &&
        ice_when_matches(&rule->when, views, row)) {
      ice_fault_set(&faults[row], ICE_FAULT_RULE, index);
    }
  }
}

void ice_rule_apply(const ice_rule_spec *rule, uint32_t index, const ice_view *views, size_t row_count,
                    ice_fault *faults) {
  const ice_column *column = views[rule->column].column;
  if (column && column->kind == ICE_KIND_DOUBLE &&
      (rule->kind == ICE_RULE_BETWEEN || rule->kind == ICE_RULE_FINITE)) {
    apply_to_doubles(rule, index, views, row_count, faults);
    return;
  }
  // Most values pass, and the condition is a text to compare: so the rule comes before it.
  for (size_t row = 0; row < row_count; row++) {
    if (faults[row].kind == ICE_FAULT_NONE && !passes(rule, views, row) &&
        ice_when_matches(&rule->when, views, row)) {
      ice_fault_set(&faults[row], ICE_FAULT_RULE, index);
    }
  }
}

static ice_status append_value(const ice_view *view, size_t row, ice_bytes *out, ice_error *err) {
  return ice_view_is_null(view, row) ? ice_bytes_append_str(out, ICE_STR("null"), err)
                                     : ice_json_append_plain(out, view->column, ice_view_index(view, row), err);
}

static ice_status append_range(const ice_rule_spec *rule, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  if (rule->has_min && rule->has_max) {
    ICE_TRY(ice_bytes_append_str(out, ICE_STR(" is outside "), err));
    ICE_TRY(ice_json_append_double(out, rule->min, err));
    ICE_TRY(ice_bytes_append_str(out, ICE_STR(" to "), err));
    ICE_TRY(ice_json_append_double(out, rule->max, err));
  } else {
    ICE_TRY(ice_bytes_append_str(out, rule->has_min ? ICE_STR(" is below ") : ICE_STR(" is above "), err));
    ICE_TRY(ice_json_append_double(out, rule->has_min ? rule->min : rule->max, err));
  }
done:
  return status;
}

ice_status ice_rule_describe(const ice_rule_spec *rule, const ice_schema *schema, const ice_view *views, size_t row,
                             ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_str(out, schema->root.fields[rule->column].name, err));
  ICE_TRY(ice_bytes_append_u8(out, ' ', err));
  ICE_TRY(append_value(&views[rule->column], row, out, err));
  switch (rule->kind) {
    case ICE_RULE_BETWEEN: ICE_TRY(append_range(rule, out, err)); break;
    case ICE_RULE_FINITE: ICE_TRY(ice_bytes_append_str(out, ICE_STR(" is not finite"), err)); break;
    case ICE_RULE_NOT_EMPTY: ICE_TRY(ice_bytes_append_str(out, ICE_STR(" is empty"), err)); break;
    case ICE_RULE_NOT_BEFORE:
      ICE_TRY(ice_bytes_append_str(out, ICE_STR(" is before "), err));
      ICE_TRY(ice_bytes_append_str(out, schema->root.fields[rule->other].name, err));
      ICE_TRY(ice_bytes_append_u8(out, ' ', err));
      ICE_TRY(append_value(&views[rule->other], row, out, err));
      break;
    case ICE_RULE_ONE_OF: ICE_TRY(ice_bytes_append_str(out, ICE_STR(" is not an allowed value"), err)); break;
  }
  for (uint32_t i = 0; i < rule->when.count; i++) {
    const ice_condition *condition = &rule->when.conditions[i];
    ICE_TRY(ice_bytes_append_format(out, err, "%s%.*s %.*s", i == 0 ? " (" : ", ",
                                    ICE_STR_ARG(schema->root.fields[condition->column].name),
                                    ICE_STR_ARG(condition->equals)));
  }
  if (rule->when.count > 0) {
    ICE_TRY(ice_bytes_append_u8(out, ')', err));
  }
done:
  return status;
}
