/// Visibility and checking attributes of the public interface.
#ifndef ICESINK_EXPORT_H
#define ICESINK_EXPORT_H

#if defined(__GNUC__)
#define ICE_API __attribute__((visibility("default")))
#define ICE_MUST_CHECK __attribute__((warn_unused_result))
#define ICE_PRINTF(format_index, first) __attribute__((format(printf, format_index, first)))
#else
#define ICE_API
#define ICE_MUST_CHECK
#define ICE_PRINTF(format_index, first)
#endif

#endif
