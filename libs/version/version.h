#ifndef SLUICE_LIBS_VERSION_VERSION_H_
#define SLUICE_LIBS_VERSION_VERSION_H_

namespace sluice {

// The version that every binary of this tree shows.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace sluice

#endif  // SLUICE_LIBS_VERSION_VERSION_H_
