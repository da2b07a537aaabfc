// The JSON of a .safetensors header, read event by event: no tree is built, so a hostile header
// costs no more memory than what it names, and what a tree would hide (a key that stands twice) is
// seen. Only runtime/host/safetensors.cpp includes this.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/host/safetensors.h"

namespace bitloom::runtime {

// Fills in names, dtypes, shapes, offsets and metadata. Otherwise says what is wrong.
std::optional<std::string> read_header_json(std::string_view json, SafetensorsHeader& header);

}  // namespace bitloom::runtime
