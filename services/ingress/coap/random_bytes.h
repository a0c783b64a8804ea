#ifndef SLUICE_SERVICES_INGRESS_COAP_RANDOM_BYTES_H_
#define SLUICE_SERVICES_INGRESS_COAP_RANDOM_BYTES_H_

#include <cstddef>

namespace sluice::ingress {

// Fills `out` with the system's random bytes, of which it keeps a store for each thread: libcoap
// asks for two at a time, twice for each source that has no session. Returns 1; 0 if the system has
// none. In libcoap's form.
int FillRandom(void* out, size_t size);

}  // namespace sluice::ingress

#endif  // SLUICE_SERVICES_INGRESS_COAP_RANDOM_BYTES_H_
