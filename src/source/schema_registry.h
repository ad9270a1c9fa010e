/// Schemas by id, as a Confluent-compatible registry gives them.
#ifndef ICE_SOURCE_SCHEMA_REGISTRY_H
#define ICE_SOURCE_SCHEMA_REGISTRY_H

#include "base/bytes.h"
#include "port/port.h"

enum { ICE_REGISTRY_SCHEMA_MAX = 4 << 20 };

/// In what language a schema is written.
typedef enum ice_schema_language {
  ICE_SCHEMA_AVRO,
  ICE_SCHEMA_JSON,
  ICE_SCHEMA_OTHER  ///< Protobuf, or one that a registry has of its own
} ice_schema_language;

typedef struct ice_schema_registry ice_schema_registry;

typedef struct ice_schema_registry_interface {
  ice_status (*find)(ice_schema_registry *registry, uint32_t id, ice_schema_language *language, ice_bytes *text,
                     ice_error *err);
  void (*destroy)(ice_schema_registry *registry);
} ice_schema_registry_interface;

struct ice_schema_registry {
  const ice_schema_registry_interface *interface;
};

/// Append the text of schema `id` to `text`, and tell its language.
///
/// Errors: NOT_FOUND: the registry answered that it does not know the id. Everything else means that it could not be
/// asked (down, refused, damaged answer), which says nothing about the record; RETRYABLE where waiting may help.
/// Threads: any; implementations serialise their calls.
ICE_MUST_CHECK static inline ice_status ice_schema_registry_find(ice_schema_registry *registry, uint32_t id,
                                                                 ice_schema_language *language, ice_bytes *text,
                                                                 ice_error *err) {
  return registry->interface->find(registry, id, language, text, err);
}

static inline void ice_schema_registry_destroy(ice_schema_registry *registry) {
  if (registry) {
    registry->interface->destroy(registry);
  }
}

/// A directory of schema files: `<id>.avsc` (Avro), `<id>.json` (JSON Schema).
///
/// Ownership: `*out` is the caller's; `port` is borrowed, the path is copied. Errors: NO_MEMORY.
ICE_MUST_CHECK ice_status ice_schema_directory_open(const ice_port *port, const char *directory,
                                                    ice_schema_registry **out, ice_error *err);

#endif
