#ifndef SLUICE_LIBS_JOURNAL_LITTLE_ENDIAN_H_
#define SLUICE_LIBS_JOURNAL_LITTLE_ENDIAN_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace sluice::journal {

// Numbers in files are little-endian on every machine.

template <typename Unsigned>
void AppendNumber(Unsigned value, std::string* out) {
  for (size_t i = 0; i < sizeof(Unsigned); ++i) {
    out->push_back(static_cast<char>((value >> (8 * i)) & 0xff));
  }
}

template <typename Unsigned>
void PutNumber(Unsigned value, char* out) {
  for (size_t i = 0; i < sizeof(Unsigned); ++i) {
    out[i] = static_cast<char>((value >> (8 * i)) & 0xff);
  }
}

template <typename Unsigned>
Unsigned GetNumber(const char* bytes) {
  Unsigned value = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  std::memcpy(&value, bytes, sizeof(value));
#else
  for (size_t i = 0; i < sizeof(Unsigned); ++i) {
    value |= static_cast<Unsigned>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
#endif
  return value;
}

}  // namespace sluice::journal

#endif  // SLUICE_LIBS_JOURNAL_LITTLE_ENDIAN_H_
