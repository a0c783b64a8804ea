#ifndef SLUICE_SERVICES_INGRESS_DECODER_JSON_DIAGNOSIS_H_
#define SLUICE_SERVICES_INGRESS_DECODER_JSON_DIAGNOSIS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace sluice::ingress {

// What is wrong with a text that a JSON parser has refused, and where: `byte 7 ('a.b'): …`. Reads
// the text a second time and slowly, for the sender's sake. Looks no deeper than `max_nesting`
// levels.
std::string DiagnoseJson(absl::string_view text, int max_nesting);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_DECODER_JSON_DIAGNOSIS_H_
