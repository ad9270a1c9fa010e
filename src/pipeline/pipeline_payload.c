#include "pipeline/pipeline_payload.h"

#include "base/utf8.h"
#include "json/json_text.h"
#include "pipeline/pipeline_dead_letter.h"
#include "pipeline/pipeline_rule.h"

enum {
  VALUE_SHOWN_MAX = 200,
  // Of a message's text around the array: a longer one would hide the element. It is repeated for the first bad elements of
  // a message alone, so that a message makes dead letters of about its own size.
  PARENT_TEXT_MAX = 4096,
  PARENT_TEXT_LETTERS = 100
};

// The value as it came: from the text of the message where decoding found it, else from the source's column, for the view of a
// converted column shows the result.
static ice_status append_source_value(const ice_fault_place *place, ice_bytes *out, ice_error *err) {
  const ice_mapping *mapping = place->mapping;
  if (place->fault->note != 0) {
    const ice_json_fault *note = ice_json_fault_at(mapping->decoder->notes, place->fault->note - 1);
    ice_str datum = ice_mapping_datum(mapping, place->chunk, note->row);
    ice_str text = ice_str_make(datum.data + note->span.from, note->span.to - note->span.from);
    bool quoted = text.size >= 2 && text.data[0] == '"';
    return ice_bytes_append(out, text.data + quoted, text.size - 2 * (size_t)quoted, err);
  }
  ice_view source = ice_mapping_view(mapping, &mapping->columns[place->fault->index].place);
  return ice_json_append_plain(out, source.column, ice_view_index(&source, place->row), err);
}

static ice_status describe_conversion(const ice_fault_place *place, ice_bytes *scratch, ice_bytes *out,
                                      ice_error *err) {
  const ice_field *field = &place->mapping->spec->schema->root.fields[place->fault->index];
  ice_status status = ICE_OK;
  ice_bytes_clear(scratch);
  ICE_TRY(append_source_value(place, scratch, err));
  ice_str value = ice_bytes_str(scratch);
  ice_str shown = ice_str_make(value.data, ice_utf8_cut(value.data, value.size, VALUE_SHOWN_MAX));
  ICE_TRY(ice_bytes_append_format(out, err, "Cannot convert %.*s to %s: \"%.*s\"%s", ICE_STR_ARG(field->name),
                                  ice_kind_name(field->type.kind), ICE_STR_ARG(shown),
                                  shown.size < value.size ? " (cut)" : ""));
done:
  return status;
}

ice_status ice_payload_describe(const ice_fault_place *place, ice_bytes *scratch, ice_bytes *out, ice_error *err) {
  const ice_fault *fault = place->fault;
  const ice_pipeline_spec *spec = place->mapping->spec;
  if (fault->kind == ICE_FAULT_RULE) {
    return ice_rule_describe(&spec->rules[fault->index], spec->schema, place->views, place->row, out, err);
  }
  if (fault->kind == ICE_FAULT_CONVERT) {
    return describe_conversion(place, scratch, out, err);
  }
  const char *text = fault->kind == ICE_FAULT_TEXT ? "Invalid UTF-8 in field" : "Missing required field";
  return ice_bytes_append_format(out, err, "%s: %.*s", text,
                                 ICE_STR_ARG(spec->schema->root.fields[fault->index].name));
}

// What was decoded, with `element` in place of the whole array that `place` leads to from `type` on.
static ice_status append_columns(const ice_type *type, const ice_column *columns, int64_t at, const ice_place *place,
                                 uint32_t step, int64_t element, ice_bytes *out, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_u8(out, '{', err));
  for (uint32_t i = 0; i < type->field_count; i++) {
    bool on_path = element >= 0 && step < place->step_count && place->steps[step] == i;
    if (i != 0) {
      ICE_TRY(ice_bytes_append_u8(out, ',', err));
    }
    ICE_TRY(ice_json_append_string(out, type->fields[i].name, err));
    ICE_TRY(ice_bytes_append_u8(out, ':', err));
    if (on_path && step + 1 == place->step_count) {
      ICE_TRY(ice_json_append_value(out, &columns[i].children[0], element, err));
    } else if (on_path) {
      ICE_TRY(append_columns(&type->fields[i].type, columns[i].children, at, place, step + 1, element, out, err));
    } else {
      ICE_TRY(ice_json_append_value(out, &columns[i], at, err));
    }
  }
  ICE_TRY(ice_bytes_append_u8(out, '}', err));
done:
  return status;
}

// A dead letter cuts its payload, so no piece needs to be longer.
static ice_status append_piece(ice_str datum, size_t from, size_t to, ice_bytes *out, ice_error *err) {
  size_t size = to - from;
  size_t most = ICE_RAW_PAYLOAD_MAX + 1;
  return ice_utf8_append_repaired(out, ice_str_make(datum.data + from, size < most ? size : most), err);
}

static ice_status append_text(const ice_fault_place *place, ice_bytes *out, ice_error *err) {
  const ice_mapping *mapping = place->mapping;
  const ice_json_notes *notes = mapping->decoder->notes;
  uint32_t parent = mapping->parents[place->row];
  ice_str datum = ice_mapping_datum(mapping, place->chunk, parent);
  ice_status status = ICE_OK;
  if (mapping->spec->explode.size == 0) {
    return append_piece(datum, 0, datum.size, out, err);
  }
  ice_json_span array = ice_json_span_at(&notes->arrays, parent);
  ice_json_span element = ice_json_span_at(&notes->elements, place->row);
  bool whole = array.from + (datum.size - array.to) <= PARENT_TEXT_MAX && place->letters_before < PARENT_TEXT_LETTERS;
  ICE_TRY(whole ? append_piece(datum, 0, array.from, out, err) : ICE_OK);
  ICE_TRY(append_piece(datum, element.from, element.to, out, err));
  ICE_TRY(whole ? append_piece(datum, array.to, datum.size, out, err) : ICE_OK);
done:
  return status;
}

ice_status ice_payload_append(const ice_fault_place *place, ice_bytes *out, ice_error *err) {
  const ice_mapping *mapping = place->mapping;
  if (mapping->decoder->notes) {
    return append_text(place, out, err);
  }
  bool exploded = mapping->spec->explode.size != 0;
  return append_columns(&mapping->source.schema->root, mapping->source.columns, mapping->parents[place->row],
                        &mapping->explode, 0, exploded ? (int64_t)place->row : -1, out, err);
}
