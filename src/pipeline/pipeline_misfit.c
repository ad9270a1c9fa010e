// From the notes of a decoder to the rows of a block: which row a value that did not fit belongs to.
#include "base/utf8.h"
#include "pipeline/pipeline_mapping.h"

static bool contains(const ice_column *column, const ice_column *wanted) {
  if (column == wanted) {
    return true;
  }
  // Lists and maps are noted as a whole.
  for (uint32_t i = 0; column->kind == ICE_KIND_STRUCT && i < column->child_count; i++) {
    if (contains(&column->children[i], wanted)) {
      return true;
    }
  }
  return false;
}

// True where the noted column lies on the way to the place, is the place's own, or is a part of its record.
static bool concerns(const ice_mapping *mapping, const ice_place *place, const ice_column *noted) {
  const ice_column *columns = mapping->source.columns;
  const ice_column *at = NULL;
  if (place->in_element) {
    const ice_place element = {.found = true, .in_element = true};
    at = ice_mapping_view(mapping, &element).column;
    columns = at->children;
  }
  for (uint32_t i = 0; i < place->step_count && at != noted; i++) {
    at = &columns[place->steps[i]];
    columns = at->children;
  }
  return contains(at, noted);
}

// The first of `count` rows whose index in an ascending map is at least `index`.
static size_t lower_bound(const uint32_t *map, size_t count, int64_t index) {
  size_t from = 0;
  while (count > 0) {
    size_t half = count / 2;
    if (map[from + half] < index) {
      from += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return from;
}

static void mark(ice_fault *fault, ice_fault_kind kind, uint32_t index, size_t note) {
  if (fault->kind == ICE_FAULT_NONE) {
    *fault = (ice_fault){.kind = (uint16_t)kind, .index = (uint16_t)index, .note = (uint32_t)note + 1};
  }
}

void ice_mapping_mark_misfits(const ice_mapping *mapping, const ice_chunk *chunk, uint32_t index, ice_fault_kind kind,
                              ice_fault *faults) {
  const ice_json_notes *notes = mapping->decoder->notes;
  const ice_place *place = &mapping->columns[index].place;
  size_t count = notes ? ice_json_fault_count(notes) : 0;
  if (count == 0 || !place->found) {
    return;
  }
  bool required = mapping->spec->schema->root.fields[index].required;
  ice_view view = ice_mapping_view(mapping, place);
  for (size_t i = 0; i < count; i++) {
    const ice_json_fault *note = ice_json_fault_at(notes, i);
    if (!concerns(mapping, place, note->column)) {
      continue;
    }
    ice_str datum = ice_mapping_datum(mapping, chunk, note->row);
    ice_str text = ice_str_make(datum.data + note->span.from, note->span.to - note->span.from);
    bool is_utf8 = ice_utf8_valid(text.data, text.size);
    if (is_utf8 == (kind == ICE_FAULT_TEXT) || (required && ice_str_equal_c(text, "\"\""))) {
      continue;
    }
    if (!view.map) {
      mark(&faults[note->index], kind, index, i);
      continue;
    }
    for (size_t row = lower_bound(view.map, mapping->row_count, note->index);
         row < mapping->row_count && view.map[row] == note->index; row++) {
      mark(&faults[row], kind, index, i);
    }
  }
}
