#include "ingest/described_files.h"

#include "codec/uuid.h"

// "icesink files 1 <uuid>\n"
#define WORDS "icesink files "
#define VERSION "1 "

ice_status ice_described_files_begin(ice_str table_uuid, ice_bytes *out, ice_error *err) {
  return ice_bytes_append_format(out, err, WORDS VERSION "%.*s\n", ICE_STR_ARG(table_uuid));
}

ice_status ice_described_files_read(ice_str text, ice_str *table_uuid, ice_str *manifest, ice_error *err) {
  size_t before = sizeof WORDS VERSION - 1;
  size_t header = before + ICE_UUID_TEXT_SIZE + 1;
  if (!ice_str_starts_with(text, ICE_STR(WORDS))) {
    return ice_error_set(err, ICE_CORRUPT, "this is no description of data files");
  }
  if (text.size < header) {
    return ice_error_set(err, ICE_CORRUPT, "a description of data files is cut off");
  }
  if (!ice_str_starts_with(text, ICE_STR(WORDS VERSION))) {
    return ice_error_set(err, ICE_UNSUPPORTED, "this description of data files is of a later version of icesink");
  }
  if (text.data[header - 1] != '\n') {
    return ice_error_set(err, ICE_CORRUPT, "a description of data files has no uuid");
  }
  *table_uuid = ice_str_make(text.data + before, ICE_UUID_TEXT_SIZE);
  *manifest = ice_str_make(text.data + header, text.size - header);
  return ICE_OK;
}
