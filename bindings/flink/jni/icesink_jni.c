// The native methods of org.icesink.flink.Native, over the public headers alone. Texts cross as UTF-8 bytes, because JNI's own
// strings are a modified UTF-8; lists of them as one array in which each is ended by a zero byte. Rows cross as addresses of
// column buffers. Handles are pointers: the Java side gives each back once, and never uses one after.
#include <icesink/error.h>
#include <icesink/log.h>
#include <icesink/session.h>
#include <icesink/sink.h>
#include <icesink/writer.h>

#include <jni.h>
#include <stdlib.h>
#include <string.h>

// Longs that Java writes for each column: length, null count, and the addresses of up to three buffers; and for each record: where
// topic, key and value begin in the bytes, with sizes, and its numbers.
enum { LAYOUT_LONGS = 5, BUFFERS_MAX = 3, SHAPE_INTS = 2, RECORD_LONGS = 8 };

// What is looked up once, when the library is loaded into a class loader. The references are weak: others would keep the classes,
// these their loader, and the loader this library. While a native method runs its class is there, and so are those of its loader.
static struct {
  JavaVM *vm;
  jclass native_class;
  jmethodID log;
  jclass exception_class;
  jmethodID exception_create;
} java;

// Texts and errors --------------------------------------------------------------------------------------------------

static void *pointer_of(jlong handle) { return (void *)(intptr_t)handle; }

static jlong handle_of(const void *pointer) { return (jlong)(intptr_t)pointer; }

// NULL with a Java exception pending.
static jbyteArray to_java(JNIEnv *env, const char *data, size_t size) {
  if (size > INT32_MAX) {
    jclass error = (*env)->FindClass(env, "java/lang/OutOfMemoryError");
    if (error) {
      (*env)->ThrowNew(env, error, "a text of icesink exceeds a Java array");
    }
    return NULL;
  }
  jbyteArray bytes = (*env)->NewByteArray(env, (jsize)size);
  if (bytes && size > 0) {
    (*env)->SetByteArrayRegion(env, bytes, 0, (jsize)size, (const jbyte *)data);
  }
  return bytes;
}

static void throw_error(JNIEnv *env, const ice_error *err) {
  const char *name = ice_status_name(err->status);
  jbyteArray status = to_java(env, name, strlen(name));
  jbyteArray message = status ? to_java(env, err->message, strlen(err->message)) : NULL;
  if (message) {
    jobject exception = (*env)->NewObject(env, java.exception_class, java.exception_create, status, message,
                                          (jint)err->flags, (jint)err->origin_code);
    if (exception) {
      (*env)->Throw(env, (jthrowable)exception);
    }
  }
}

static ice_status no_memory(ice_error *err) { return ice_error_set(err, ICE_NO_MEMORY, "out of memory"); }

// Java's array with a zero byte behind it.
static ice_status copy_bytes(JNIEnv *env, jbyteArray bytes, char **out, size_t *size, ice_error *err) {
  jsize length = (*env)->GetArrayLength(env, bytes);
  *out = malloc((size_t)length + 1);
  if (!*out) {
    return no_memory(err);
  }
  (*env)->GetByteArrayRegion(env, bytes, 0, length, (jbyte *)*out);
  (*out)[length] = '\0';
  *size = (size_t)length;
  return ICE_OK;
}

static ice_status copy_text(JNIEnv *env, jbyteArray bytes, char **out, ice_error *err) {
  size_t size;
  return copy_bytes(env, bytes, out, &size, err);
}

typedef struct texts {
  char *data;
  const char **items;
  size_t count;
} texts;

static void texts_free(texts *list) {
  free(list->data);
  free(list->items);
  *list = (texts){0};
}

static ice_status texts_copy(JNIEnv *env, jbyteArray bytes, texts *out, ice_error *err) {
  size_t size;
  *out = (texts){0};
  ice_status status = copy_bytes(env, bytes, &out->data, &size, err);
  if (status) {
    return status;
  }
  for (size_t i = 0; i < size; i++) {
    out->count += out->data[i] == '\0';
  }
  out->items = calloc(out->count + 1, sizeof *out->items);
  if (!out->items) {
    texts_free(out);
    return no_memory(err);
  }
  const char *at = out->data;
  for (size_t i = 0; i < out->count; i++) {
    out->items[i] = at;
    at += strlen(at) + 1;
  }
  return ICE_OK;
}

static jbyteArray text_to_java(JNIEnv *env, ice_status status, ice_text *text, const ice_error *err) {
  jbyteArray bytes = NULL;
  if (status) {
    throw_error(env, err);
  } else {
    bytes = to_java(env, text->data, text->size);
  }
  ice_text_free(text);
  return bytes;
}

static jlongArray longs_to_java(JNIEnv *env, const jlong *values, jsize count) {
  jlongArray array = (*env)->NewLongArray(env, count);
  if (array && count > 0) {
    (*env)->SetLongArrayRegion(env, array, 0, count, values);
  }
  return array;
}

// The library calls back on the thread that called it, so that thread has an environment, and no exception is pending.
static void log_event(void *context, ice_log_level level, const char *text) {
  (void)context;
  JNIEnv *env = NULL;
  if ((*java.vm)->GetEnv(java.vm, (void **)&env, JNI_VERSION_1_8) != JNI_OK) {
    return;
  }
  jbyteArray bytes = to_java(env, text, strlen(text));
  if (bytes) {
    (*env)->CallStaticVoidMethod(env, java.native_class, java.log, (jint)level, bytes);
    (*env)->DeleteLocalRef(env, bytes);
  }
  if ((*env)->ExceptionCheck(env)) {
    (*env)->ExceptionClear(env);
  }
}

// Rows --------------------------------------------------------------------------------------------------------------

/// The columns of a table in preorder, the root struct first: a schema once, and arrays that every batch fills anew.
typedef struct rows {
  size_t count;
  texts names;  ///< format and name of each
  struct ArrowSchema *schemas;
  struct ArrowArray *arrays;
  struct ArrowSchema **schema_children;
  struct ArrowArray **array_children;
  const void **buffers;
  bool released;
} rows;

static void rows_free(rows *batch) {
  texts_free(&batch->names);
  free(batch->schemas);
  free(batch->arrays);
  free(batch->schema_children);
  free(batch->array_children);
  free(batch->buffers);
  *batch = (rows){0};
}

// Memory of schemas and arrays is that of `rows`: a release only marks.
static void release_schema(struct ArrowSchema *schema) { schema->release = NULL; }

static void release_array(struct ArrowArray *array) {
  for (int64_t i = 0; i < array->n_children; i++) {
    if (array->children[i]->release) {
      array->children[i]->release(array->children[i]);
    }
  }
  if (array->private_data) {
    *(bool *)array->private_data = true;
  }
  array->release = NULL;
}

static int64_t buffer_count(const char *format) {
  if (strcmp(format, "+s") == 0) {
    return 1;
  }
  return strcmp(format, "u") == 0 || strcmp(format, "z") == 0 ? 3 : 2;
}

static bool link_children(rows *batch, const jint *shape, size_t *next, size_t *slot) {
  size_t index = (*next)++;
  jint children = shape[SHAPE_INTS * index];
  size_t first = *slot;
  if (children < 0 || (size_t)children > batch->count - 1 - first) {
    return false;
  }
  *slot += (size_t)children;
  for (size_t i = 0; i < (size_t)children; i++) {
    if (*next >= batch->count) {
      return false;
    }
    batch->schema_children[first + i] = &batch->schemas[*next];
    batch->array_children[first + i] = &batch->arrays[*next];
    if (!link_children(batch, shape, next, slot)) {
      return false;
    }
  }
  batch->schemas[index] = (struct ArrowSchema){.format = batch->names.items[2 * index],
                                               .name = batch->names.items[2 * index + 1],
                                               .flags = shape[SHAPE_INTS * index + 1] ? ARROW_FLAG_NULLABLE : 0,
                                               .n_children = children,
                                               .children = batch->schema_children + first,
                                               .release = release_schema};
  batch->arrays[index] = (struct ArrowArray){.n_buffers = buffer_count(batch->names.items[2 * index]),
                                             .buffers = batch->buffers + BUFFERS_MAX * index,
                                             .n_children = children,
                                             .children = batch->array_children + first};
  return true;
}

static ice_status rows_init(JNIEnv *env, jbyteArray names, jintArray shape, rows *out, ice_error *err) {
  *out = (rows){0};
  jint *numbers = NULL;
  size_t next = 0;
  size_t slot = 0;
  ice_status status = texts_copy(env, names, &out->names, err);
  if (status) {
    goto done;
  }
  jsize length = (*env)->GetArrayLength(env, shape);
  out->count = (size_t)length / SHAPE_INTS;
  if (out->count == 0 || out->names.count != 2 * out->count) {
    status = ice_error_set(err, ICE_INVALID_ARGUMENT, "names and shape of the columns do not fit");
    goto done;
  }
  numbers = calloc((size_t)length, sizeof *numbers);
  out->schemas = calloc(out->count, sizeof *out->schemas);
  out->arrays = calloc(out->count, sizeof *out->arrays);
  out->schema_children = calloc(out->count, sizeof *out->schema_children);
  out->array_children = calloc(out->count, sizeof *out->array_children);
  out->buffers = calloc(out->count * BUFFERS_MAX, sizeof *out->buffers);
  if (!numbers || !out->schemas || !out->arrays || !out->schema_children || !out->array_children || !out->buffers) {
    status = no_memory(err);
    goto done;
  }
  (*env)->GetIntArrayRegion(env, shape, 0, length, numbers);
  if (!link_children(out, numbers, &next, &slot) || next != out->count) {
    status = ice_error_set(err, ICE_INVALID_ARGUMENT, "the shape of the columns is no tree");
  }
done:
  free(numbers);
  if (status) {
    rows_free(out);
  }
  return status;
}

static struct ArrowArray *rows_fill(rows *batch, const int64_t *layout) {
  for (size_t i = 0; i < batch->count; i++, layout += LAYOUT_LONGS) {
    struct ArrowArray *array = &batch->arrays[i];
    array->length = layout[0];
    array->null_count = layout[1];
    for (size_t k = 0; k < BUFFERS_MAX; k++) {
      array->buffers[k] = pointer_of(layout[2 + k]);
    }
    array->release = release_array;
  }
  batch->released = false;
  batch->arrays[0].private_data = &batch->released;
  return &batch->arrays[0];
}

// Sessions ----------------------------------------------------------------------------------------------------------

// An empty `file`: none.
static jlong session_open(JNIEnv *env, jclass owner, jbyteArray file, jbyteArray settings) {
  (void)owner;
  char *path = NULL;
  texts list = {0};
  ice_error err = {0};
  ice_session *session = NULL;
  ice_status status = copy_text(env, file, &path, &err);
  status = status ? status : texts_copy(env, settings, &list, &err);
  if (!status) {
    ice_session_options options = {
        .file = path[0] != '\0' ? path : NULL, .settings = list.items, .setting_count = list.count, .log = log_event};
    status = ice_session_open(&options, &session, &err);
  }
  texts_free(&list);
  free(path);
  if (status) {
    throw_error(env, &err);
  }
  return handle_of(session);
}

static void session_close(JNIEnv *env, jclass owner, jlong session) {
  (void)env, (void)owner;
  ice_session_close(pointer_of(session));
}

static void session_stop(JNIEnv *env, jclass owner, jlong session) {
  (void)env, (void)owner;
  ice_session_stop(pointer_of(session));
}

static jbyteArray session_setting(JNIEnv *env, jclass owner, jlong session, jbyteArray key) {
  (void)owner;
  char *name = NULL;
  ice_error err = {0};
  ice_text text = {0};
  ice_status status = copy_text(env, key, &name, &err);
  if (!status) {
    status = ice_session_setting(pointer_of(session), name, &text, &err);
  }
  free(name);
  return text_to_java(env, status, &text, &err);
}

static void session_create_namespace(JNIEnv *env, jclass owner, jlong session, jbyteArray name_space) {
  (void)owner;
  char *name = NULL;
  ice_error err = {0};
  ice_status status = copy_text(env, name_space, &name, &err);
  if (!status) {
    status = ice_session_create_namespace(pointer_of(session), name, &err);
  }
  free(name);
  if (status) {
    throw_error(env, &err);
  }
}

static void session_create_table(JNIEnv *env, jclass owner, jlong session, jbyteArray table, jbyteArray names,
                                 jintArray shape, jbyteArray partition, jbyteArray properties) {
  (void)owner;
  char *name = NULL;
  rows columns = {0};
  texts fields = {0};
  texts entries = {0};
  ice_error err = {0};
  ice_status status = copy_text(env, table, &name, &err);
  status = status ? status : rows_init(env, names, shape, &columns, &err);
  status = status ? status : texts_copy(env, partition, &fields, &err);
  status = status ? status : texts_copy(env, properties, &entries, &err);
  if (!status) {
    ice_table_definition definition = {.schema = columns.schemas,
                                       .partition = fields.items,
                                       .partition_count = fields.count,
                                       .properties = entries.items,
                                       .property_count = entries.count};
    status = ice_session_create_table(pointer_of(session), name, &definition, &err);
  }
  texts_free(&entries);
  texts_free(&fields);
  rows_free(&columns);
  free(name);
  if (status) {
    throw_error(env, &err);
  }
}

static jbyteArray session_load_table(JNIEnv *env, jclass owner, jlong session, jbyteArray table) {
  (void)owner;
  char *name = NULL;
  ice_error err = {0};
  ice_text text = {0};
  ice_status status = copy_text(env, table, &name, &err);
  if (!status) {
    status = ice_session_load_table(pointer_of(session), name, &text, &err);
  }
  free(name);
  return text_to_java(env, status, &text, &err);
}

// Empty: the table remembers no number of this writer.
static jlongArray session_token(JNIEnv *env, jclass owner, jlong session, jbyteArray table, jbyteArray writer) {
  (void)owner;
  char *name = NULL;
  char *who = NULL;
  bool known = false;
  int64_t number = 0;
  ice_error err = {0};
  ice_status status = copy_text(env, table, &name, &err);
  status = status ? status : copy_text(env, writer, &who, &err);
  status = status ? status : ice_session_token(pointer_of(session), name, who, &known, &number, &err);
  free(name);
  free(who);
  if (status) {
    throw_error(env, &err);
    return NULL;
  }
  jlong value = number;
  return longs_to_java(env, &value, known ? 1 : 0);
}

typedef struct descriptions {
  ice_text *items;
  size_t count;
} descriptions;

static void descriptions_free(descriptions *list) {
  for (size_t i = 0; i < list->count; i++) {
    free(list->items[i].data);
  }
  free(list->items);
  *list = (descriptions){0};
}

static ice_status descriptions_copy(JNIEnv *env, jobjectArray files, descriptions *out, ice_error *err) {
  jsize count = (*env)->GetArrayLength(env, files);
  ice_status status = ICE_OK;
  *out = (descriptions){.items = calloc((size_t)count + 1, sizeof *out->items)};
  if (!out->items) {
    return no_memory(err);
  }
  for (jsize i = 0; !status && i < count; i++) {
    jbyteArray bytes = (*env)->GetObjectArrayElement(env, files, i);
    status = copy_bytes(env, bytes, &out->items[i].data, &out->items[i].size, err);
    (*env)->DeleteLocalRef(env, bytes);
    out->count += !status;
  }
  return status;
}

// Two numbers: whether it was done before, and the snapshot.
static jlongArray session_append(JNIEnv *env, jclass owner, jlong session, jbyteArray table, jobjectArray files,
                                 jbyteArray writer, jlong number, jboolean overwrite, jbyteArray summary) {
  (void)owner;
  char *name = NULL;
  char *who = NULL;
  texts entries = {0};
  descriptions list = {0};
  ice_append_result result = {0};
  ice_error err = {0};
  ice_status status = copy_text(env, table, &name, &err);
  status = status ? status : copy_text(env, writer, &who, &err);
  status = status ? status : texts_copy(env, summary, &entries, &err);
  status = status ? status : descriptions_copy(env, files, &list, &err);
  if (!status) {
    ice_append_request request = {.table = name,
                                  .files = list.items,
                                  .file_count = list.count,
                                  .writer = who,
                                  .number = number,
                                  .overwrite = overwrite,
                                  .summary = entries.items,
                                  .summary_count = entries.count};
    status = ice_session_append(pointer_of(session), &request, &result, &err);
  }
  descriptions_free(&list);
  texts_free(&entries);
  free(who);
  free(name);
  if (status) {
    throw_error(env, &err);
    return NULL;
  }
  jlong values[] = {result.done_before, result.snapshot_id};
  return longs_to_java(env, values, 2);
}

// Writers -----------------------------------------------------------------------------------------------------------

typedef struct writer_handle {
  ice_writer *writer;
  rows batch;
} writer_handle;

static void writer_free(writer_handle *handle) {
  ice_writer_close(handle->writer);
  rows_free(&handle->batch);
  free(handle);
}

static jlong writer_open(JNIEnv *env, jclass owner, jlong session, jbyteArray table, jbyteArray names,
                         jintArray shape) {
  (void)owner;
  char *name = NULL;
  ice_error err = {0};
  writer_handle *handle = calloc(1, sizeof *handle);
  ice_status status = handle ? copy_text(env, table, &name, &err) : no_memory(&err);
  status = status ? status : rows_init(env, names, shape, &handle->batch, &err);
  status = status ? status : ice_writer_open(pointer_of(session), name, &handle->writer, &err);
  free(name);
  if (status) {
    if (handle) {
      writer_free(handle);
    }
    throw_error(env, &err);
    return 0;
  }
  return handle_of(handle);
}

static void writer_close(JNIEnv *env, jclass owner, jlong writer) {
  (void)env, (void)owner;
  writer_free(pointer_of(writer));
}

static void writer_append(JNIEnv *env, jclass owner, jlong writer, jlong layout) {
  (void)owner;
  writer_handle *handle = pointer_of(writer);
  ice_error err = {0};
  struct ArrowArray *array = rows_fill(&handle->batch, pointer_of(layout));
  ice_status status = ice_writer_append(handle->writer, array, handle->batch.schemas, &err);
  if (!status && !handle->batch.released) {
    // Java is about to write the next rows over these.
    status = ice_error_set(&err, ICE_INTERNAL, "the writer kept the rows that it was lent");
    err.flags |= ICE_ERROR_FATAL;
  }
  if (status) {
    throw_error(env, &err);
  }
}

static jbyteArray writer_finish(JNIEnv *env, jclass owner, jlong writer) {
  (void)owner;
  writer_handle *handle = pointer_of(writer);
  ice_error err = {0};
  ice_text files = {0};
  ice_status status = ice_writer_finish(handle->writer, &files, &err);
  return text_to_java(env, status, &files, &err);
}

static jlongArray writer_totals(JNIEnv *env, jclass owner, jlong writer) {
  (void)owner;
  writer_handle *handle = pointer_of(writer);
  ice_writer_totals totals = ice_writer_get_totals(handle->writer);
  jlong values[] = {(jlong)totals.rows, (jlong)totals.bytes, (jlong)totals.files, (jlong)totals.memory};
  return longs_to_java(env, values, 4);
}

// Sinks in parts ----------------------------------------------------------------------------------------------------

static void session_create_tables(JNIEnv *env, jclass owner, jlong session) {
  (void)owner;
  ice_error err = {0};
  if (ice_session_create_tables(pointer_of(session), NULL, &err)) {
    throw_error(env, &err);
  }
}

static jbyteArray session_position(JNIEnv *env, jclass owner, jlong session) {
  (void)owner;
  ice_error err = {0};
  ice_text text = {0};
  ice_status status = ice_session_position(pointer_of(session), &text, &err);
  return text_to_java(env, status, &text, &err);
}

static void session_commit(JNIEnv *env, jclass owner, jlong session, jobjectArray parts, jbyteArray writer,
                           jlong number, jbyteArray summary) {
  (void)owner;
  char *who = NULL;
  texts entries = {0};
  descriptions list = {0};
  ice_error err = {0};
  ice_status status = copy_text(env, writer, &who, &err);
  status = status ? status : texts_copy(env, summary, &entries, &err);
  status = status ? status : descriptions_copy(env, parts, &list, &err);
  if (!status) {
    ice_commit_request request = {.parts = list.items,
                                  .part_count = list.count,
                                  .writer = who,
                                  .number = number,
                                  .summary = entries.items,
                                  .summary_count = entries.count};
    status = ice_session_commit(pointer_of(session), &request, &err);
  }
  descriptions_free(&list);
  texts_free(&entries);
  free(who);
  if (status) {
    throw_error(env, &err);
  }
}

typedef struct sink_handle {
  ice_sink_writer *writer;
  ice_kafka_record *records;  ///< of the batch at hand
  size_t capacity;
} sink_handle;

static void sink_free(sink_handle *handle) {
  ice_sink_writer_close(handle->writer);
  free(handle->records);
  free(handle);
}

static jlong sink_open(JNIEnv *env, jclass owner, jlong session) {
  (void)owner;
  ice_error err = {0};
  sink_handle *handle = calloc(1, sizeof *handle);
  ice_status status = handle ? ice_sink_writer_open(pointer_of(session), &handle->writer, &err) : no_memory(&err);
  if (status) {
    free(handle);
    throw_error(env, &err);
    return 0;
  }
  return handle_of(handle);
}

static void sink_close(JNIEnv *env, jclass owner, jlong sink) {
  (void)env, (void)owner;
  sink_free(pointer_of(sink));
}

static void sink_resume(JNIEnv *env, jclass owner, jlong sink, jbyteArray topic, jint partition, jlong next) {
  (void)owner;
  sink_handle *handle = pointer_of(sink);
  char *name = NULL;
  ice_error err = {0};
  ice_status status = copy_text(env, topic, &name, &err);
  status = status ? status : ice_sink_writer_resume(handle->writer, name, partition, next, &err);
  free(name);
  if (status) {
    throw_error(env, &err);
  }
}

static ice_status sink_reserve(sink_handle *handle, size_t count, ice_error *err) {
  if (count > handle->capacity) {
    ice_kafka_record *grown = realloc(handle->records, count * sizeof *grown);
    if (!grown) {
      return no_memory(err);
    }
    handle->records = grown;
    handle->capacity = count;
  }
  return ICE_OK;
}

// NULL where `begin` is below 0.
static const uint8_t *bytes_at(const uint8_t *bytes, int64_t begin) { return begin < 0 ? NULL : bytes + begin; }

static void sink_add(JNIEnv *env, jclass owner, jlong sink, jlong layout, jlong memory, jint count) {
  (void)owner;
  sink_handle *handle = pointer_of(sink);
  const int64_t *longs = pointer_of(layout);
  const uint8_t *bytes = pointer_of(memory);
  ice_error err = {0};
  ice_status status = sink_reserve(handle, (size_t)count, &err);
  for (jint i = 0; !status && i < count; i++, longs += RECORD_LONGS) {
    handle->records[i] = (ice_kafka_record){.topic = (const char *)bytes_at(bytes, longs[0]),
                                            .partition = (int32_t)longs[1],
                                            .offset = longs[2],
                                            .timestamp_ms = longs[3],
                                            .key = bytes_at(bytes, longs[4]),
                                            .key_size = (size_t)longs[5],
                                            .value = bytes_at(bytes, longs[6]),
                                            .value_size = (size_t)longs[7]};
  }
  status = status ? status : ice_sink_writer_add(handle->writer, handle->records, (size_t)count, &err);
  if (status) {
    throw_error(env, &err);
  }
}

static jbyteArray sink_finish(JNIEnv *env, jclass owner, jlong sink) {
  (void)owner;
  sink_handle *handle = pointer_of(sink);
  ice_error err = {0};
  ice_text part = {0};
  ice_status status = ice_sink_writer_finish(handle->writer, &part, &err);
  return text_to_java(env, status, &part, &err);
}

static jlongArray sink_counts(JNIEnv *env, jclass owner, jlong sink) {
  (void)owner;
  sink_handle *handle = pointer_of(sink);
  ice_sink_counts counts = ice_sink_writer_get_counts(handle->writer);
  jlong values[] = {counts.records,      counts.gaps,     counts.elements, counts.rows,
                    counts.dead_letters, counts.filtered, counts.files,    counts.bytes};
  return longs_to_java(env, values, (jsize)(sizeof values / sizeof *values));
}

// Memory ------------------------------------------------------------------------------------------------------------
// Column buffers are the C heap's: direct memory of the JVM is what Flink's configuration gives to the network.

static jlong memory_reallocate(JNIEnv *env, jclass owner, jlong address, jlong size) {
  (void)owner;
  void *memory = size > 0 ? realloc(pointer_of(address), (size_t)size) : NULL;
  if (!memory) {
    ice_error err = {0};
    ice_error_set(&err, ICE_NO_MEMORY, "no memory for %lld bytes of rows", (long long)size);
    throw_error(env, &err);
  }
  return handle_of(memory);
}

static jobject memory_wrap(JNIEnv *env, jclass owner, jlong address, jlong size) {
  (void)owner;
  return (*env)->NewDirectByteBuffer(env, pointer_of(address), size);
}

static void memory_free(JNIEnv *env, jclass owner, jlong address) {
  (void)env, (void)owner;
  free(pointer_of(address));
}

// Loading -----------------------------------------------------------------------------------------------------------

// JNI wants names and signatures as `char *`, and functions as `void *`, which standard C converts only through integers.
#define METHOD(name, signature, function) \
  {(char *)(intptr_t)(name), (char *)(intptr_t)(signature), (void *)(intptr_t)(function)}

static jint register_methods(JNIEnv *env) {
  const JNINativeMethod methods[] = {
      METHOD("sessionOpen", "([B[B)J", session_open),
      METHOD("sessionClose", "(J)V", session_close),
      METHOD("sessionStop", "(J)V", session_stop),
      METHOD("sessionSetting", "(J[B)[B", session_setting),
      METHOD("createNamespace", "(J[B)V", session_create_namespace),
      METHOD("createTable", "(J[B[B[I[B[B)V", session_create_table),
      METHOD("loadTable", "(J[B)[B", session_load_table),
      METHOD("token", "(J[B[B)[J", session_token),
      METHOD("append", "(J[B[[B[BJZ[B)[J", session_append),
      METHOD("writerOpen", "(J[B[B[I)J", writer_open),
      METHOD("writerClose", "(J)V", writer_close),
      METHOD("writerAppend", "(JJ)V", writer_append),
      METHOD("writerFinish", "(J)[B", writer_finish),
      METHOD("writerTotals", "(J)[J", writer_totals),
      METHOD("createTables", "(J)V", session_create_tables),
      METHOD("position", "(J)[B", session_position),
      METHOD("commit", "(J[[B[BJ[B)V", session_commit),
      METHOD("sinkOpen", "(J)J", sink_open),
      METHOD("sinkClose", "(J)V", sink_close),
      METHOD("sinkResume", "(J[BIJ)V", sink_resume),
      METHOD("sinkAdd", "(JJJI)V", sink_add),
      METHOD("sinkFinish", "(J)[B", sink_finish),
      METHOD("sinkCounts", "(J)[J", sink_counts),
      METHOD("memoryReallocate", "(JJ)J", memory_reallocate),
      METHOD("memoryWrap", "(JJ)Ljava/nio/ByteBuffer;", memory_wrap),
      METHOD("memoryFree", "(J)V", memory_free),
  };
  return (*env)->RegisterNatives(env, java.native_class, methods, (jint)(sizeof methods / sizeof *methods));
}

static jclass find_class(JNIEnv *env, const char *name) {
  jclass local = (*env)->FindClass(env, name);
  return local ? (*env)->NewWeakGlobalRef(env, local) : NULL;
}

JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM *vm, void *reserved) {
  (void)reserved;
  JNIEnv *env = NULL;
  if ((*vm)->GetEnv(vm, (void **)&env, JNI_VERSION_1_8) != JNI_OK) {
    return JNI_ERR;
  }
  java.vm = vm;
  java.native_class = find_class(env, "org/icesink/flink/Native");
  java.exception_class = find_class(env, "org/icesink/flink/IcesinkException");
  if (!java.native_class || !java.exception_class) {
    return JNI_ERR;
  }
  java.log = (*env)->GetStaticMethodID(env, java.native_class, "log", "(I[B)V");
  java.exception_create = (*env)->GetMethodID(env, java.exception_class, "<init>", "([B[BII)V");
  if (!java.log || !java.exception_create || register_methods(env) != JNI_OK) {
    return JNI_ERR;
  }
  return JNI_VERSION_1_8;
}

JNIEXPORT void JNICALL JNI_OnUnload(JavaVM *vm, void *reserved) {
  (void)reserved;
  JNIEnv *env = NULL;
  if ((*vm)->GetEnv(vm, (void **)&env, JNI_VERSION_1_8) == JNI_OK) {
    (*env)->DeleteWeakGlobalRef(env, java.native_class);
    (*env)->DeleteWeakGlobalRef(env, java.exception_class);
  }
}
