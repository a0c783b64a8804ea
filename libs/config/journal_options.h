#ifndef SLUICE_LIBS_CONFIG_JOURNAL_OPTIONS_H_
#define SLUICE_LIBS_CONFIG_JOURNAL_OPTIONS_H_

#include <string>

#include "libs/journal/journal.h"
#include "sluice/config/v1/common.pb.h"

namespace sluice {

// Valid settings of a journal in `dir` as its options.
JournalOptions ToJournalOptions(const config::v1::Journal& settings, const std::string& dir);

}  // namespace sluice

#endif  // SLUICE_LIBS_CONFIG_JOURNAL_OPTIONS_H_
