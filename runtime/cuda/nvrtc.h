// NVRTC, the compiler of CUDA text, found while the program runs.
//
//   Result<const Nvrtc*> nvrtc = Nvrtc::find();            // BL0416 when the machine has none
//   Result<Compiled> compiled = (*nvrtc)->compile(text, "gemm.cu", {"-arch=sm_90a"});
//   if (compiled && !compiled->done) show(compiled->log);
//
// Looked up, in this order: the file that BITLOOM_NVRTC names; libnvrtc.so.13, .12 and libnvrtc.so
// as the loader finds them; the same under CUDA_HOME, CUDA_PATH and /usr/local/cuda.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/result.h"

namespace bitloom::cuda {

using runtime::Result;

struct Compiled {
  bool done = false;
  std::string log;    // of NVRTC and, after it, of ptxas
  std::string cubin;  // when done
  std::string ptx;    // when done, and asked for
};

class Nvrtc {
 public:
  // Looked up once a process; the answer stays what it was.
  static Result<const Nvrtc*> find();

  // Names and files, in the order in which they are looked for.
  static std::vector<std::string> candidates();

  const std::string& library() const { return library_; }  // the name under which it was found
  const std::string& path() const { return path_; }        // its file
  int major() const { return major_; }
  int minor() const { return minor_; }
  std::string version() const;  // "13.0"

  // An error is a fault of NVRTC itself (BL0801); a text that it refuses is `done == false` and a
  // log. Threads may compile at the same time, though NVRTC makes them wait for one another.
  Result<Compiled> compile(const std::string& text, const std::string& name,
                           const std::vector<std::string>& options, bool with_ptx = false) const;

 private:
  struct Calls;
  static Result<Nvrtc> look_up();
  std::string library_, path_;
  int major_ = 0, minor_ = 0;
  std::shared_ptr<const Calls> calls_;
};

}  // namespace bitloom::cuda
