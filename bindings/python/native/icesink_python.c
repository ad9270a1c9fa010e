/// What the Python package needs of C: it is loaded with ctypes and uses no Python header, so that one build serves
/// every Python.
///
/// Release functions run wherever a consumer drops what it got, also while a Python exception is on its way; Python
/// code that is called back then would lose that exception. So they are here.
#include <icesink/icesink.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// The stable ABI of Python; the process that loads this library has them.
void *PyCapsule_GetPointer(void *capsule, const char *name);
const char *PyCapsule_GetName(void *capsule);

// Prototypes ahead of definitions: these functions are called by address, no header names them.
ICE_API void icesink_python_free_schema(void *capsule);
ICE_API void icesink_python_free_array(void *capsule);
ICE_API void icesink_python_free_stream(void *capsule);
ICE_API int icesink_python_own_stream(struct ArrowArrayStream *stream, void *owner, void (*close)(void *));
ICE_API int icesink_python_share_array(struct ArrowArray *array, struct ArrowArray *out);
ICE_API int icesink_python_share_schema(struct ArrowSchema *schema, struct ArrowSchema *out);

// Layouts -----------------------------------------------------------------------------------------------------------

#define ICE_AT(s, m) (uint32_t)offsetof(s, m)
#define ICE_AT2(s, a, b) ICE_AT(s, a), ICE_AT(s, b)
#define ICE_AT4(s, a, b, c, d) ICE_AT2(s, a, b), ICE_AT2(s, c, d)
#define ICE_AT8(s, a, b, c, d, e, f, g, h) ICE_AT4(s, a, b, c, d), ICE_AT4(s, e, f, g, h)

/// What ctypes has to agree with, structure by structure in the order of _library.py: the size, then the offset of each
/// member. Ended by UINT32_MAX.
ICE_API const uint32_t icesink_python_layouts[] = {
    sizeof(ice_error),
    ICE_AT4(ice_error, status, flags, origin_code, message),
    sizeof(ice_text),
    ICE_AT2(ice_text, data, size),
    sizeof(ice_session_options),
    ICE_AT4(ice_session_options, file, settings, setting_count, environment),
    ICE_AT2(ice_session_options, log, log_context),
    sizeof(ice_table_definition),
    ICE_AT4(ice_table_definition, schema, partition, partition_count, properties),
    ICE_AT(ice_table_definition, property_count),
    sizeof(ice_writer_totals),
    ICE_AT4(ice_writer_totals, rows, bytes, files, memory),
    sizeof(ice_append_request),
    ICE_AT8(ice_append_request, table, files, file_count, writer, number, overwrite, summary, summary_count),
    sizeof(ice_append_result),
    ICE_AT2(ice_append_result, done_before, snapshot_id),
    sizeof(ice_kafka_record),
    ICE_AT8(ice_kafka_record, topic, partition, offset, timestamp_ms, key, key_size, value, value_size),
    sizeof(ice_decoder_counts),
    ICE_AT4(ice_decoder_counts, records, elements, rows, dead_letters),
    ICE_AT(ice_decoder_counts, filtered),
    UINT32_MAX};

// Capsules ----------------------------------------------------------------------------------------------------------

static void *pointer_of(void *capsule) { return PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule)); }

/// Destructors of capsules over structures from malloc. Whoever took the content has set `release` to NULL.
void icesink_python_free_schema(void *capsule) {
  struct ArrowSchema *schema = pointer_of(capsule);
  if (schema->release) {
    schema->release(schema);
  }
  free(schema);
}

void icesink_python_free_array(void *capsule) {
  struct ArrowArray *array = pointer_of(capsule);
  if (array->release) {
    array->release(array);
  }
  free(array);
}

void icesink_python_free_stream(void *capsule) {
  struct ArrowArrayStream *stream = pointer_of(capsule);
  if (stream->release) {
    stream->release(stream);
  }
  free(stream);
}

// Streams that own their session --------------------------------------------------------------------------------------

typedef struct owned_stream {
  struct ArrowArrayStream inner;
  void *owner;
  void (*close)(void *);
} owned_stream;

static int owned_get_schema(struct ArrowArrayStream *self, struct ArrowSchema *out) {
  owned_stream *s = self->private_data;
  return s->inner.get_schema(&s->inner, out);
}

static int owned_get_next(struct ArrowArrayStream *self, struct ArrowArray *out) {
  owned_stream *s = self->private_data;
  return s->inner.get_next(&s->inner, out);
}

static const char *owned_get_last_error(struct ArrowArrayStream *self) {
  owned_stream *s = self->private_data;
  return s->inner.get_last_error(&s->inner);
}

static void owned_release(struct ArrowArrayStream *self) {
  owned_stream *s = self->private_data;
  s->inner.release(&s->inner);
  s->close(s->owner);
  free(s);
  self->release = NULL;
}

/// Make `stream` close `owner` when it is released: a consumer may keep it for longer than everything else.
/// Returns 0, or -1 without memory: nothing has changed then.
int icesink_python_own_stream(struct ArrowArrayStream *stream, void *owner, void (*close)(void *)) {
  owned_stream *s = malloc(sizeof *s);
  if (!s) {
    return -1;
  }
  *s = (owned_stream){.inner = *stream, .owner = owner, .close = close};
  *stream = (struct ArrowArrayStream){.get_schema = owned_get_schema,
                                      .get_next = owned_get_next,
                                      .get_last_error = owned_get_last_error,
                                      .release = owned_release,
                                      .private_data = s};
  return 0;
}

// Arrays and schemas that are handed out more than once ---------------------------------------------------------------
// Every node that is handed out holds a reference to the one that was shared first, because a consumer may move a child
// out of its parent.

typedef struct shared_array {
  atomic_size_t references;
  struct ArrowArray array;
} shared_array;

typedef struct array_node {
  shared_array *origin;
  struct ArrowArray *children[];
} array_node;

static void array_unref(shared_array *origin) {
  if (atomic_fetch_sub(&origin->references, 1) == 1) {
    origin->array.release(&origin->array);
    free(origin);
  }
}

static void release_array(struct ArrowArray *self) {
  array_node *node = self->private_data;
  for (int64_t i = 0; i < self->n_children; i++) {
    if (self->children[i]->release) {
      self->children[i]->release(self->children[i]);
    }
    free(self->children[i]);
  }
  if (self->dictionary) {
    if (self->dictionary->release) {
      self->dictionary->release(self->dictionary);
    }
    free(self->dictionary);
  }
  array_unref(node->origin);
  free(node);
  self->release = NULL;
}

static int copy_array(shared_array *origin, const struct ArrowArray *from, struct ArrowArray *out) {
  array_node *node = malloc(sizeof *node + (size_t)from->n_children * sizeof *node->children);
  out->release = NULL;
  if (!node) {
    return -1;
  }
  node->origin = origin;
  atomic_fetch_add(&origin->references, 1);
  *out = *from;
  out->children = from->n_children > 0 ? node->children : NULL;
  out->n_children = 0;
  out->dictionary = NULL;
  out->private_data = node;
  out->release = release_array;
  for (int64_t i = 0; i < from->n_children + (from->dictionary != NULL); i++) {
    const struct ArrowArray *part = i < from->n_children ? from->children[i] : from->dictionary;
    struct ArrowArray *copy = malloc(sizeof *copy);
    if (!copy || copy_array(origin, part, copy) != 0) {
      free(copy);
      release_array(out);
      return -1;
    }
    if (i < from->n_children) {
      node->children[out->n_children++] = copy;
    } else {
      out->dictionary = copy;
    }
  }
  return 0;
}

/// Give out `array` once more: it and `*out` have the same buffers, freed with the last of them.
/// Returns 0, or -1 without memory: `array` is as it was, `out->release` is NULL.
int icesink_python_share_array(struct ArrowArray *array, struct ArrowArray *out) {
  if (array->release == release_array) {
    return copy_array(((array_node *)array->private_data)->origin, array, out);
  }
  struct ArrowArray first;
  out->release = NULL;
  shared_array *origin = malloc(sizeof *origin);
  if (!origin) {
    return -1;
  }
  // Its own reference, until `first` holds one.
  atomic_init(&origin->references, 1);
  origin->array = *array;
  if (copy_array(origin, array, &first) != 0) {
    free(origin);
    return -1;
  }
  *array = first;
  array_unref(origin);
  return copy_array(origin, array, out);
}

typedef struct shared_schema {
  atomic_size_t references;
  struct ArrowSchema schema;
} shared_schema;

typedef struct schema_node {
  shared_schema *origin;
  struct ArrowSchema *children[];
} schema_node;

static void schema_unref(shared_schema *origin) {
  if (atomic_fetch_sub(&origin->references, 1) == 1) {
    origin->schema.release(&origin->schema);
    free(origin);
  }
}

static void release_schema(struct ArrowSchema *self) {
  schema_node *node = self->private_data;
  for (int64_t i = 0; i < self->n_children; i++) {
    if (self->children[i]->release) {
      self->children[i]->release(self->children[i]);
    }
    free(self->children[i]);
  }
  if (self->dictionary) {
    if (self->dictionary->release) {
      self->dictionary->release(self->dictionary);
    }
    free(self->dictionary);
  }
  schema_unref(node->origin);
  free(node);
  self->release = NULL;
}

static int copy_schema(shared_schema *origin, const struct ArrowSchema *from, struct ArrowSchema *out) {
  schema_node *node = malloc(sizeof *node + (size_t)from->n_children * sizeof *node->children);
  out->release = NULL;
  if (!node) {
    return -1;
  }
  node->origin = origin;
  atomic_fetch_add(&origin->references, 1);
  *out = *from;
  out->children = from->n_children > 0 ? node->children : NULL;
  out->n_children = 0;
  out->dictionary = NULL;
  out->private_data = node;
  out->release = release_schema;
  for (int64_t i = 0; i < from->n_children + (from->dictionary != NULL); i++) {
    const struct ArrowSchema *part = i < from->n_children ? from->children[i] : from->dictionary;
    struct ArrowSchema *copy = malloc(sizeof *copy);
    if (!copy || copy_schema(origin, part, copy) != 0) {
      free(copy);
      release_schema(out);
      return -1;
    }
    if (i < from->n_children) {
      node->children[out->n_children++] = copy;
    } else {
      out->dictionary = copy;
    }
  }
  return 0;
}

/// The same for a schema.
int icesink_python_share_schema(struct ArrowSchema *schema, struct ArrowSchema *out) {
  if (schema->release == release_schema) {
    return copy_schema(((schema_node *)schema->private_data)->origin, schema, out);
  }
  struct ArrowSchema first;
  out->release = NULL;
  shared_schema *origin = malloc(sizeof *origin);
  if (!origin) {
    return -1;
  }
  atomic_init(&origin->references, 1);
  origin->schema = *schema;
  if (copy_schema(origin, schema, &first) != 0) {
    free(origin);
    return -1;
  }
  *schema = first;
  schema_unref(origin);
  return copy_schema(origin, schema, out);
}
