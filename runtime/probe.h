// What a machine has of the things Bitloom can use but does not need: NVRTC, the CUDA driver, GPUs.
//
// All of them are looked up at run time (dlopen), so one program starts with and without them; the
// lookups are those that running a kernel makes (runtime/cuda/).
#pragma once

#include <string>
#include <vector>

namespace bitloom::runtime {

struct Component {
  bool found = false;
  std::string detail;  // "libnvrtc.so.13, version 13.0", or why it is not there
};

struct Probe {
  Component nvrtc, driver;
  std::vector<std::string> gpus;  // "NVIDIA H100 80GB HBM3, sm_90a, 132 SMs, 81559 MiB"
};

Probe probe();
bool is_folder(const std::string& path);

}  // namespace bitloom::runtime
