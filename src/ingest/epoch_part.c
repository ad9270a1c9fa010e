#include "ingest/epoch_part.h"

#include "base/checked.h"
#include "iceberg/iceberg_json.h"
#include "iceberg/iceberg_snapshot.h"
#include "ingest/manifest_merge.h"
#include <stdio.h>
#include <stdlib.h>

enum { PART_BYTES_MAX = 1 << 30, TABLE_NAME_MAX = 4096 };

// Sums of a few of these stay in range.
#define COUNT_MAX (INT64_MAX / 8)

// "icesink part 1\n", a line of JSON, and behind it the tables' files one after the other.
#define WORDS "icesink part "
#define VERSION "1\n"

// Writing -----------------------------------------------------------------------------------------------------------

static ice_status put_ranges(const ice_epoch_part *part, json_t *root, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *list = json_array();
  ICE_TRY(ice_json_put(root, "ranges", json_incref(list), err));
  for (uint32_t i = 0; i < part->range_count; i++) {
    const ice_epoch_range *range = &part->ranges[i];
    json_t *object = json_object();
    ICE_TRY(ice_json_push(list, object, err));
    ICE_TRY(ice_json_put(object, "topic", ice_json_string(range->topic), err));
    ICE_TRY(ice_json_put(object, "partition", json_integer(range->partition), err));
    ICE_TRY(ice_json_put(object, "new", json_boolean(range->from_absent), err));
    ICE_TRY(ice_json_put(object, "from", json_integer(range->from), err));
    ICE_TRY(ice_json_put(object, "to", json_integer(range->to), err));
  }
done:
  json_decref(list);
  return status;
}

static ice_status put_counts(const ice_epoch_part *part, json_t *root, ice_error *err) {
  ice_status status = ICE_OK;
  ice_counts counts = part->counts;
  json_t *object = json_object();
  ICE_TRY(ice_json_put(root, "counts", json_incref(object), err));
  for (size_t i = 0; i < ICE_COUNT_FIELDS; i++) {
    ICE_TRY(ice_json_put(object, ice_count_name(i), json_integer(*ice_count_at(&counts, i)), err));
  }
done:
  json_decref(object);
  return status;
}

static ice_status put_tables(const ice_epoch_part *part, json_t *root, ice_error *err) {
  ice_status status = ICE_OK;
  json_t *list = json_array();
  ICE_TRY(ice_json_put(root, "tables", json_incref(list), err));
  for (uint32_t i = 0; i < part->table_count; i++) {
    const ice_part_table *table = &part->tables[i];
    char name[TABLE_NAME_MAX];
    int size = snprintf(name, sizeof name, "%.*s.%.*s", ICE_IDENT_ARG(table->ident));
    if (size < 0 || (size_t)size >= sizeof name) {
      ICE_FAIL(ICE_LIMIT, "table name of %d bytes is too long", size);
    }
    json_t *object = json_object();
    ICE_TRY(ice_json_push(list, object, err));
    ICE_TRY(ice_json_put(object, "table", ice_json_string(ice_str_make(name, (size_t)size)), err));
    ICE_TRY(ice_json_put(object, "uuid", ice_json_string(table->uuid), err));
    ICE_TRY(ice_json_put(object, "spec-id", json_integer(table->spec_id), err));
    ICE_TRY(ice_json_put(object, "rows", json_integer(table->rows), err));
    ICE_TRY(ice_json_put(object, "files-size", json_integer((json_int_t)table->files.size), err));
  }
done:
  json_decref(list);
  return status;
}

ice_status ice_epoch_part_format(const ice_epoch_part *part, ice_bytes *out, ice_error *err) {
  json_t *root = json_object();
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_put(root, "sink", ice_json_string(part->sink), err));
  ICE_TRY(put_ranges(part, root, err));
  ICE_TRY(put_counts(part, root, err));
  ICE_TRY(put_tables(part, root, err));
  ICE_TRY(ice_bytes_append_str(out, ICE_STR(WORDS VERSION), err));
  ICE_TRY(ice_json_text_append(root, out, err));
  ICE_TRY(ice_bytes_append_u8(out, '\n', err));
  for (uint32_t i = 0; i < part->table_count; i++) {
    ICE_TRY(ice_bytes_append_str(out, part->tables[i].files, err));
  }
done:
  json_decref(root);
  return status;
}

// Reading -----------------------------------------------------------------------------------------------------------

static ice_status read_ranges(const json_t *root, ice_epoch_part *out, int64_t *consumed, ice_error *err) {
  json_t *list;
  ice_str topic;
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_get_array(root, "ranges", &list, err));
  out->ranges = ice_arena_alloc_array(&out->arena, json_array_size(list), sizeof *out->ranges, err);
  if (!out->ranges) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for %zu ranges", json_array_size(list));
  }
  *consumed = 0;
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *object = json_array_get(list, i);
    ice_epoch_range *range = &out->ranges[out->range_count++];
    ICE_TRY(ice_json_get_str(object, "topic", &topic, err));
    ICE_TRY(ice_arena_copy_str(&out->arena, topic, &range->topic, err));
    ICE_TRY(ice_json_get_i32(object, "partition", &range->partition, err));
    ICE_TRY(ice_json_get_boolean(object, "new", &range->from_absent, err));
    ICE_TRY(ice_json_get_i64(object, "from", &range->from, err));
    ICE_TRY(ice_json_get_i64(object, "to", &range->to, err));
    if (range->from < 0 || range->to <= range->from || !ice_add_i64(*consumed, range->to - range->from, consumed)) {
      ICE_FAIL(ICE_CORRUPT, "topic %.*s, partition %d: a range of [%lld, %lld)", ICE_STR_ARG(range->topic),
               range->partition, (long long)range->from, (long long)range->to);
    }
  }
done:
  return status;
}

static ice_status read_counts(const json_t *root, ice_epoch_part *out, ice_error *err) {
  json_t *object;
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_get_object(root, "counts", &object, err));
  for (size_t i = 0; i < ICE_COUNT_FIELDS; i++) {
    const int64_t *count = ice_count_at(&out->counts, i);
    ICE_TRY(ice_json_get_i64(object, ice_count_name(i), ice_count_at(&out->counts, i), err));
    if (*count < 0 || *count > COUNT_MAX) {
      ICE_FAIL(ICE_CORRUPT, "%s of %lld", ice_count_name(i), (long long)*count);
    }
  }
done:
  return status;
}

static ice_status read_table(const json_t *object, ice_str *rest, ice_epoch_part *part, ice_part_table *out,
                             ice_error *err) {
  ice_str text;
  int64_t size;
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_get_str(object, "table", &text, err));
  ICE_TRY(ice_arena_copy_str(&part->arena, text, &text, err));
  ICE_TRY(ice_table_ident_parse(text, &out->ident, err));
  ICE_TRY(ice_json_get_str(object, "uuid", &text, err));
  ICE_TRY(ice_arena_copy_str(&part->arena, text, &out->uuid, err));
  ICE_TRY(ice_json_get_i32(object, "spec-id", &out->spec_id, err));
  ICE_TRY(ice_json_get_i64(object, "rows", &out->rows, err));
  ICE_TRY(ice_json_get_i64(object, "files-size", &size, err));
  if (size < 0 || (uint64_t)size > rest->size) {
    ICE_FAIL(ICE_CORRUPT, "the files of a table are cut off");
  }
  out->files = ice_str_make(rest->data, (size_t)size);
  *rest = ice_str_make(rest->data + size, rest->size - (size_t)size);
done:
  return status;
}

static ice_status read_tables(const json_t *root, ice_str rest, ice_epoch_part *out, int64_t *rows, ice_error *err) {
  json_t *list;
  ice_status status = ICE_OK;
  ICE_TRY(ice_json_get_array(root, "tables", &list, err));
  size_t count = json_array_size(list);
  if (count < 2 || count > ICE_COMMIT_TABLES_MAX) {
    ICE_FAIL(ICE_CORRUPT, "a part of %zu tables", count);
  }
  out->tables = ice_arena_alloc_array(&out->arena, count, sizeof *out->tables, err);
  if (!out->tables) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for %zu tables", count);
  }
  *rows = 0;
  for (size_t i = 0; i < count; i++) {
    ice_part_table *table = &out->tables[out->table_count++];
    ICE_TRY(read_table(json_array_get(list, i), &rest, out, table, err));
    if (table->rows < 0 || !ice_add_i64(*rows, table->rows, rows)) {
      ICE_FAIL(ICE_CORRUPT, "the rows of a part are out of range");
    }
  }
  if (rest.size > 0) {
    ICE_FAIL(ICE_CORRUPT, "%zu bytes behind the files", rest.size);
  }
done:
  return status;
}

ice_status ice_epoch_part_read(ice_str text, ice_epoch_part *out, ice_error *err) {
  *out = (ice_epoch_part){0};
  ice_arena_init(&out->arena, PART_BYTES_MAX);
  json_t *root = NULL;
  ice_str sink;
  int64_t consumed = 0;
  int64_t rows = 0;
  size_t header = sizeof WORDS VERSION - 1;
  ice_status status = ICE_OK;
  if (!ice_str_starts_with(text, ICE_STR(WORDS)) || text.size < header) {
    ICE_FAIL(ICE_CORRUPT, "it does not begin as one");
  }
  if (!ice_str_starts_with(text, ICE_STR(WORDS VERSION))) {
    ICE_FAIL(ICE_UNSUPPORTED, "it is of a later version of icesink");
  }
  const char *end = memchr(text.data + header, '\n', text.size - header);
  if (!end) {
    ICE_FAIL(ICE_CORRUPT, "it is cut off");
  }
  ICE_TRY(ice_json_text_parse(ice_str_make(text.data + header, (size_t)(end - text.data) - header), &root, err));
  ICE_TRY(ice_json_get_str(root, "sink", &sink, err));
  ICE_TRY(ice_arena_copy_str(&out->arena, sink, &out->sink, err));
  ICE_TRY(read_ranges(root, out, &consumed, err));
  ICE_TRY(read_counts(root, out, err));
  ICE_TRY(read_tables(root, ice_str_make(end + 1, text.size - (size_t)(end + 1 - text.data)), out, &rows, err));
  // Once more: what comes here has been elsewhere.
  ICE_TRY(ice_counts_check(&out->counts, consumed, rows, ICE_CORRUPT, err));
done:
  json_decref(root);
  if (status != ICE_OK) {
    ice_error_prepend(err, "a part of an epoch");
    ice_epoch_part_deinit(out);
  }
  return status;
}

void ice_epoch_part_deinit(ice_epoch_part *part) {
  ice_arena_deinit(&part->arena);
  *part = (ice_epoch_part){0};
}

// Grouping ----------------------------------------------------------------------------------------------------------

static bool fits(const ice_epoch_part *a, const ice_epoch_part *b) {
  bool same = ice_str_equal(a->sink, b->sink) && a->table_count == b->table_count;
  for (uint32_t i = 0; same && i < a->table_count; i++) {
    const ice_part_table *one = &a->tables[i];
    const ice_part_table *other = &b->tables[i];
    bool both = one->files.size > 0 && other->files.size > 0;
    same = ice_str_equal(one->ident.name, other->ident.name) &&
           ice_str_equal(one->ident.namespace_name, other->ident.namespace_name) &&
           ice_str_equal(one->uuid, other->uuid) && (!both || one->spec_id == other->spec_id);
  }
  return same;
}

uint32_t ice_epoch_part_group(const ice_epoch_part *parts, uint32_t count, ice_part_standing *standings,
                              uint32_t *group) {
  uint32_t size = 0;
  for (uint32_t i = 0; i < count; i++) {
    bool in = standings[i] == ICE_PART_NEXT;
    for (uint32_t j = 0; in && j < size; j++) {
      in = fits(&parts[group[j]], &parts[i]);
    }
    if (in) {
      standings[i] = ICE_PART_PAST;
      group[size++] = i;
    }
  }
  return size;
}

// Comparing with a position -----------------------------------------------------------------------------------------

/// A range of one of the parts, to be put in line with those of its partition.
typedef struct link {
  const ice_epoch_range *range;
  uint32_t part;
} link;

static bool same_partition(const ice_epoch_range *a, const ice_epoch_range *b) {
  return a->partition == b->partition && ice_str_equal(a->topic, b->topic);
}

static int compare_links(const void *left, const void *right) {
  const ice_epoch_range *a = ((const link *)left)->range;
  const ice_epoch_range *b = ((const link *)right)->range;
  int order = ice_str_compare(a->topic, b->topic);
  order = order != 0 ? order : (a->partition > b->partition) - (a->partition < b->partition);
  return order != 0 ? order : (a->from > b->from) - (a->from < b->from);
}

static ice_status line_up(const ice_epoch_part *parts, uint32_t count, link **out, size_t *out_count,
                          ice_error *err) {
  size_t total = 0;
  for (uint32_t i = 0; i < count; i++) {
    total += parts[i].range_count;
  }
  link *links = calloc(total + 1, sizeof *links);
  if (!links) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %zu ranges", total);
  }
  *out = links;
  *out_count = total;
  for (uint32_t i = 0; i < count; i++) {
    for (uint32_t j = 0; j < parts[i].range_count; j++) {
      *links++ = (link){.range = &parts[i].ranges[j], .part = i};
    }
  }
  qsort(*out, total, sizeof **out, compare_links);
  for (size_t i = 1; i < total; i++) {
    const ice_epoch_range *last = (*out)[i - 1].range;
    const ice_epoch_range *next = (*out)[i].range;
    if (same_partition(last, next) && next->from != last->to) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT, "topic %.*s, partition %d: [%lld, %lld) and [%lld, %lld) %s",
                           ICE_STR_ARG(last->topic), last->partition, (long long)last->from, (long long)last->to,
                           (long long)next->from, (long long)next->to,
                           next->from < last->to ? "overlap" : "leave something out");
    }
  }
  return ICE_OK;
}

// How many of the links of one partition the position has passed; -1 where it is at no end of any.
static int64_t passed(const link *chain, size_t size, const ice_position *position) {
  const ice_epoch_range *first = chain[0].range;
  const ice_position_entry *entry = ice_position_find(position, first->topic, first->partition);
  if (!entry) {
    return first->from_absent ? 0 : -1;
  }
  if (!first->from_absent && entry->offset == first->from) {
    return 0;
  }
  for (size_t i = 0; i < size; i++) {
    if (entry->offset == chain[i].range->to) {
      return (int64_t)i + 1;
    }
  }
  return -1;
}

static ice_part_standing stand_together(ice_part_standing a, ice_part_standing b) {
  if (a == b || a == ICE_PART_ELSEWHERE) {
    return a;
  }
  bool both_to_come = a != ICE_PART_PAST && b != ICE_PART_PAST && b != ICE_PART_ELSEWHERE;
  return both_to_come ? ICE_PART_AHEAD : ICE_PART_ELSEWHERE;
}

ice_status ice_epoch_parts_place(const ice_epoch_part *parts, uint32_t count, const ice_position *position,
                                 ice_part_standing *out, const ice_epoch_range **elsewhere, ice_error *err) {
  link *links = NULL;
  size_t link_count = 0;
  *elsewhere = NULL;
  for (uint32_t i = 0; i < count; i++) {
    out[i] = ICE_PART_PAST;
  }
  ice_status status = line_up(parts, count, &links, &link_count, err);
  bool *seen = status == ICE_OK ? calloc(count + 1, sizeof *seen) : NULL;
  if (status == ICE_OK && !seen) {
    status = ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u parts", count);
  }
  for (size_t begin = 0, end; status == ICE_OK && begin < link_count; begin = end) {
    for (end = begin + 1; end < link_count && same_partition(links[begin].range, links[end].range);) {
      end++;
    }
    int64_t past = passed(&links[begin], end - begin, position);
    for (size_t i = begin; i < end; i++) {
      int64_t place = (int64_t)(i - begin);
      ice_part_standing standing = past < 0        ? ICE_PART_ELSEWHERE
                                   : place < past  ? ICE_PART_PAST
                                   : place == past ? ICE_PART_NEXT
                                                   : ICE_PART_AHEAD;
      uint32_t part = links[i].part;
      out[part] = seen[part] ? stand_together(out[part], standing) : standing;
      seen[part] = true;
      if (out[part] == ICE_PART_ELSEWHERE && !*elsewhere) {
        *elsewhere = links[i].range;
      }
    }
  }
  free(links);
  free(seen);
  return status;
}

// Making an epoch ---------------------------------------------------------------------------------------------------

static ice_status take_ranges(const ice_epoch_part *parts, const uint32_t *group, uint32_t group_count,
                              ice_epoch *epoch, ice_error *err) {
  size_t count = 0;
  for (uint32_t i = 0; i < group_count; i++) {
    count += parts[group[i]].range_count;
  }
  epoch->ranges = ice_arena_alloc_array(&epoch->arena, count, sizeof *epoch->ranges, err);
  if (!epoch->ranges) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %zu ranges", count);
  }
  for (uint32_t i = 0; i < group_count; i++) {
    const ice_epoch_part *part = &parts[group[i]];
    for (uint32_t j = 0; j < part->range_count; j++) {
      epoch->ranges[epoch->range_count++] = part->ranges[j];
    }
    ice_counts_add(&epoch->counts, &part->counts);
  }
  return ICE_OK;
}

static ice_status merge_table(ice_catalog *catalog, const ice_port *port, const ice_epoch_part *parts,
                              const uint32_t *group, uint32_t group_count, uint32_t index, ice_epoch *epoch,
                              ice_error *err) {
  ice_epoch_table *out = &epoch->tables[index];
  ice_table table = {0};
  ice_manifest_merge merge = {
      .store = catalog->store, .port = port, .ident = out->ident, .snapshot_id = out->snapshot_id};
  ice_status status = ICE_OK;
  out->uuid = parts[group[0]].tables[index].uuid;
  for (uint32_t i = 0; i < group_count; i++) {
    ice_str files = parts[group[i]].tables[index].files;
    if (files.size > 0 && !table.metadata) {
      ICE_TRY(ice_catalog_load_table(catalog, out->ident, &table, err));
      merge.metadata = table.metadata;
    }
    if (files.size > 0) {
      ICE_TRY(ice_manifest_merge_add(&merge, files, err));
    }
  }
  if (merge.count > 1) {
    ICE_FAIL(ICE_CORRUPT, "the files of a part are of another partition spec than it says");
  }
  if (merge.count == 1) {
    ICE_TRY(ice_manifest_merge_store(&merge, 0, ice_str_of(epoch->uuid), index, &epoch->arena, &out->manifest, err));
    out->has_manifest = true;
  }
done:
  ice_manifest_merge_deinit(&merge);
  ice_table_deinit(&table);
  return status;
}

ice_status ice_epoch_of_parts(ice_catalog *catalog, const ice_port *port, const ice_epoch_part *parts,
                              const uint32_t *group, uint32_t group_count, ice_epoch *out, ice_error *err) {
  const ice_epoch_part *first = &parts[group[0]];
  ice_table_ident idents[ICE_COMMIT_TABLES_MAX];
  for (uint32_t i = 0; i < first->table_count; i++) {
    idents[i] = first->tables[i].ident;
  }
  ice_status status = ice_epoch_init(out, port, idents, first->table_count, err);
  if (status != ICE_OK) {
    return status;
  }
  ICE_TRY(take_ranges(parts, group, group_count, out, err));
  for (uint32_t i = 0; i < first->table_count; i++) {
    ICE_TRY(merge_table(catalog, port, parts, group, group_count, i, out, err));
  }
  ICE_TRY(ice_epoch_check(out, err));
done:
  return status;
}
