/// Pipelines that come with the program: the files of presets/, built in.
#ifndef ICE_ASSEMBLY_PRESET_H
#define ICE_ASSEMBLY_PRESET_H

#include "config/settings.h"
#include "pipeline/pipeline_spec.h"

/// A file of presets/ without its `.yaml`.
typedef struct ice_preset {
  const char *name;
  const char *text;
  size_t size;
} ice_preset;

/// All of them, ended by one without a name. The build writes it (embed_presets.cmake).
extern const ice_preset ice_presets[];

/// The text of a preset. Ownership: a constant of the library. Errors: NOT_FOUND.
ICE_MUST_CHECK ice_status ice_preset_find(ice_str name, ice_str *out, ice_error *err);

/// The pipeline spec that settings name: spelled out, or a preset.
ICE_MUST_CHECK ice_status ice_read_pipeline(const ice_settings *settings, ice_pipeline_spec *out, ice_error *err);

#endif
