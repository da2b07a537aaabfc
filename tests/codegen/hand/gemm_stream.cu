// What a compiler should print for kernels/gemm/gemm_stream.bl with W = u4, A = f16, G = 128, M =
// 8, NW = 2, KW = 4, D = 3, by hand.
//
// Every line is owed to a line of the text, to a layout that follows from it, or to the prelude.
// What the hand had to know:
//   - the packed atom: 16-byte word v of lane l of atom (n / 64, k / 64) holds the four k16 steps
//     of n16 group v (u4), a fragment of operand A a 32-bit word; nibble 2 * e + (odd word half) as
//     the atom's encoding says
//   - `pipeline<D>` around a register buffer: unrolled by D, names rotate, prologue loads D units
//   - `clip` on a: rows beyond m give zeros; k is a multiple of 64 by the where conditions, so only
//     rows are tested
//   - no wave of partial sums leaves the f32 of acc; the reduction over `sums` is strided by NW *
//     64 * M
typedef unsigned int u32;
typedef unsigned long long u64;
struct uint4_ {
  u32 x, y, z, w;
};

#define DI static __device__ __forceinline__
DI uint4_ ld_global_v4_na(const void* p) {
  uint4_ v;
  asm volatile("ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {%0,%1,%2,%3},[%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(p));
  return v;
}
DI u32 ld_global_u32(const void* p) {
  u32 v;
  asm volatile("ld.global.nc.u32 %0,[%1];" : "=r"(v) : "l"(p));
  return v;
}
DI float ld_global_f16(const void* p) {
  float f;
  asm volatile("{.reg .b16 h; ld.global.nc.b16 h,[%1]; cvt.f32.f16 %0,h;}" : "=f"(f) : "l"(p));
  return f;
}
DI void st_global_f16(void* p, float x) {
  asm volatile("{.reg .b16 h; cvt.rn.f16.f32 h,%1; st.global.b16 [%0],h;}" ::"l"(p), "f"(x)
               : "memory");
}
DI u32 lop3_and_or(u32 a, u32 mask, u32 magic) {
  u32 r;
  asm("lop3.b32 %0,%1,%2,%3,0xea;" : "=r"(r) : "r"(a), "r"(mask), "r"(magic));
  return r;
}
DI u32 sub_f16x2(u32 a, u32 b) {
  u32 r;
  asm("sub.rn.f16x2 %0,%1,%2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}
DI u32 fma_f16x2(u32 a, u32 b, u32 c) {
  u32 r;
  asm("fma.rn.f16x2 %0,%1,%2,%3;" : "=r"(r) : "r"(a), "r"(b), "r"(c));
  return r;
}
DI float fma_f32(float a, float b, float c) {
  float r;
  asm("fma.rn.f32 %0,%1,%2,%3;" : "=f"(r) : "f"(a), "f"(b), "f"(c));
  return r;
}
DI void mma_m16n8k16(float (&c)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}
DI u32 atom_add_acq_rel_gpu(void* p, u32 x) {
  u32 r;
  asm volatile("atom.acq_rel.gpu.global.add.u32 %0,[%1],%2;" : "=r"(r) : "l"(p), "r"(x) : "memory");
  return r;
}
DI void st_release_gpu(void* p, u32 x) {
  asm volatile("st.release.gpu.global.u32 [%0],%1;" ::"l"(p), "r"(x) : "memory");
}

// cast<f16> of the 32 codes of one lane and k64 x n16 group word: the fragment of operand A of one
// k16 step.
DI void codes_to_f16(u32 q, u32 (&a)[4]) {
  a[0] = sub_f16x2(lop3_and_or(q, 0x000f000f, 0x64006400), 0x64006400);
  a[1] = fma_f16x2(lop3_and_or(q, 0x00f000f0, 0x64006400), 0x2c002c00, 0xd400d400);
  q >>= 8;
  a[2] = sub_f16x2(lop3_and_or(q, 0x000f000f, 0x64006400), 0x64006400);
  a[3] = fma_f16x2(lop3_and_or(q, 0x00f000f0, 0x64006400), 0x2c002c00, 0xd400d400);
}

extern "C" __global__ void __launch_bounds__(256, 2)
    gemm_stream(const unsigned char* __restrict__ a, const unsigned char* __restrict__ w,
                const unsigned char* __restrict__ scale, unsigned char* __restrict__ c, float* part,
                u32* ticket, int m, int k, int n, int slots) {
  constexpr int G = 128, M = 8, NW = 2, KW = 4, D = 3;
  __shared__ float sums[KW * NW * 64 * M];
  __shared__ u32 arrived_by;
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const int units = (k + 64 * KW - 1) / (64 * KW);
  const int total = units * ((n + 64 * NW - 1) / (64 * NW));
  const int share = (total + (int)gridDim.x - 1) / (int)gridDim.x;
  const int last = min(((int)blockIdx.x + 1) * share, total);
  const int katoms = (k + 63) / 64, natoms = (n + 63) / 64;

  int u = (int)blockIdx.x * share;
  while (u < last) {
    const int tile = u / units, begin = u % units, end = min(units, begin + last - u);
    {  // warps
      const int column = tile * (NW * 64) + warp % NW * 64, lane_k = warp / NW;
      float acc[4][4] = {};
      uint4_ q[D][4];
      const bool live = column < natoms * 64;
      auto load = [&](uint4_(&to)[4], int t) {
        const int row = t * KW + lane_k;
        const unsigned char* atom = w + ((u64)(column / 64) * katoms + row) * 2048 + lane * 16;
#pragma unroll
        for (int v = 0; v < 4; v++)
          to[v] = live && row < katoms ? ld_global_v4_na(atom + v * 512) : uint4_{0, 0, 0, 0};
      };
      auto body = [&](const uint4_(&from)[4], int t) {
        const int row = (t * KW + lane_k) * 64;
        float p[4][4] = {};
        u32 x[4][2];
#pragma unroll
        for (int s = 0; s < 4; s++)
#pragma unroll
          for (int h = 0; h < 2; h++) {
            const int r = lane >> 2, kk = row + s * 16 + (lane & 3) * 2 + h * 8;
            x[s][h] = r < m && kk < k ? ld_global_u32(a + ((u64)r * k + kk) * 2) : 0;
          }
#pragma unroll
        for (int j = 0; j < 4; j++) {
          const u32 words[4] = {from[j].x, from[j].y, from[j].z, from[j].w};
#pragma unroll
          for (int s = 0; s < 4; s++) {
            u32 f[4];
            codes_to_f16(words[s], f);
            mma_m16n8k16(p[j], f[0], f[1], f[2], f[3], x[s][0], x[s][1]);
          }
        }
        const int g = min(row / G, k / G - 1);
#pragma unroll
        for (int j = 0; j < 4; j++)
#pragma unroll
          for (int h = 0; h < 2; h++) {
            const int col = column + j * 16 + (lane >> 2) + h * 8;
            const float s = col < n ? ld_global_f16(scale + ((u64)g * n + col) * 2) : 0.f;
            acc[j][2 * h] = fma_f32(s, p[j][2 * h], acc[j][2 * h]);
            acc[j][2 * h + 1] = fma_f32(s, p[j][2 * h + 1], acc[j][2 * h + 1]);
          }
      };
#pragma unroll
      for (int d = 0; d < D; d++)
        if (begin + d < end) load(q[d], begin + d);
      for (int t = begin; t < end; t += D) {
#pragma unroll
        for (int d = 0; d < D; d++)
          if (t + d < end) {
            body(q[d], t + d);
            if (t + d + D < end) load(q[d], t + d + D);
          }
      }
#pragma unroll
      for (int j = 0; j < 4; j++)
#pragma unroll
        for (int i = 0; i < 4; i++)
          sums[(lane_k * NW * 64 + warp % NW * 64 + j * 16 + (lane >> 2) + (i >> 1) * 8) * M +
               (lane & 3) * 2 + (i & 1)] = acc[j][i];
    }
    __syncthreads();
    float whole[4];  // thread t holds elements t, t + 256, … of [NW * 64, M]
#pragma unroll
    for (int i = 0; i < 4; i++) {
      whole[i] = 0.f;
#pragma unroll
      for (int r = 0; r < KW; r++) whole[i] += sums[r * NW * 64 * M + i * 256 + threadIdx.x];
    }
    auto store = [&](const float(&value)[4]) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int e = i * 256 + threadIdx.x, col = tile * NW * 64 + e / M, row = e % M;
        if (row < m && col < n) st_global_f16(c + ((u64)row * n + col) * 2, value[i]);
      }
    };
    if (begin == 0 && end == units) {
      store(whole);
    } else {
      const int from = tile * units / share, to = ((tile + 1) * units - 1) / share;
#pragma unroll
      for (int i = 0; i < 4; i++)
        part[(u64)(2 * blockIdx.x + (begin == 0)) * (NW * 64 * M) + i * 256 + threadIdx.x] =
            whole[i];
      __syncthreads();  // a release by one thread covers what the strand wrote
      if (threadIdx.x == 0) arrived_by = atom_add_acq_rel_gpu(ticket + tile, 1);
      __syncthreads();
      if (arrived_by == (u32)(to - from)) {
        float all[4] = {};
        for (int b = from; b <= to; b++)
#pragma unroll
          for (int i = 0; i < 4; i++)
            all[i] += __ldcg(part + (u64)(2 * b + (b * share <= tile * units)) * (NW * 64 * M) +
                             i * 256 + threadIdx.x);
        store(all);
        __syncthreads();
        if (threadIdx.x == 0) st_release_gpu(ticket + tile, 0);
      }
    }
    __syncthreads();
    u += end - begin;
  }
}
