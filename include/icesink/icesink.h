/// Every public header of icesink.
#ifndef ICESINK_ICESINK_H
#define ICESINK_ICESINK_H

#include <icesink/arrow.h>
#include <icesink/error.h>
#include <icesink/export.h>
#include <icesink/version.h>

#endif
