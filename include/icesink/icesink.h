/// Every public header of icesink.
#ifndef ICESINK_ICESINK_H
#define ICESINK_ICESINK_H

#include <icesink/arrow.h>
#include <icesink/decoder.h>
#include <icesink/error.h>
#include <icesink/export.h>
#include <icesink/log.h>
#include <icesink/record.h>
#include <icesink/session.h>
#include <icesink/sink.h>
#include <icesink/version.h>
#include <icesink/writer.h>

#endif
