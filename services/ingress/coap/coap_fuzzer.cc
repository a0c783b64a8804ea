// Fuzzes what CoAP requests mean. The first byte chooses what the others are: blocks for the
// reassembly alone (ReassemblyProgram), or whole requests (RequestProgram).

#include "services/ingress/coap/reassembly_program.h"
#include "services/ingress/coap/request_program.h"
#include "tools/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  sluice::FuzzInput input(bytes, size);
  if (input.Byte() % 2 == 0) {
    sluice::ingress::ReassemblyProgram(input).Run();
  } else {
    sluice::ingress::RequestProgram(input).Run();
  }
  return 0;
}
