// vector_add T=f32 B=1024 for sm_80
#pragma nv_diag_suppress 177,550
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef long long s64;
typedef unsigned long long u64;
#define DI static __device__ __forceinline__
#define add_f32_to(d, x0, x1) asm("add.rn.f32 %0,%1,%2;" : "=r"(d) : "r"((u32)(x0)), "r"((u32)(x1)))
DI u32 ld_global_4_if(u64 x0, u32 x1) { u32 d; asm volatile("{.reg .pred p; .reg .b32 t<1>; setp.ne.u32 p, %2, 0; mov.b32 t0, 0; @p ld.global.b32 t0, [%1]; mov.b32 %0, t0;}" : "=r"(d) : "l"(x0), "r"(x1)); return d; }
#define st_global_4_if(x0, x1, x2) asm volatile("{.reg .pred p; setp.ne.u32 p, %2, 0; @p st.global.b32 [%0], %1;}" :  : "l"((u64)(x0)), "r"((u32)(x1)), "r"((u32)(x2)) : "memory")
extern "C" __global__ void __launch_bounds__(256, 1) vector_add(
    unsigned char* a_1,
    unsigned char* b_2,
    unsigned char* c_3,
    const s64 n_0) {
  const u32 tid = threadIdx.x;
  const int block_x_4 = (int)blockIdx.x;
  const int i_6 = (int)((u32)block_x_4 * 1024u);
  const s64 v_7 = (s64)i_6;
  const s64 x0_ = (s64)v_7 + (s64)tid;
  const u64 p1_ = (u64)a_1 + (u64)(x0_) * 4;
  u32 v_10w0, v_10w1, v_10w2, v_10w3;
  const bool in2_ = (u64)(x0_) < (u64)n_0;
  v_10w0 = ld_global_4_if(p1_, in2_);
  const bool in3_ = (u64)(x0_ + 256) < (u64)n_0;
  v_10w1 = ld_global_4_if(p1_ + 1024, in3_);
  const bool in4_ = (u64)(x0_ + 512) < (u64)n_0;
  v_10w2 = ld_global_4_if(p1_ + 2048, in4_);
  const bool in5_ = (u64)(x0_ + 768) < (u64)n_0;
  v_10w3 = ld_global_4_if(p1_ + 3072, in5_);
  const s64 x6_ = (s64)v_7 + (s64)tid;
  const u64 p7_ = (u64)b_2 + (u64)(x6_) * 4;
  u32 v_12w0, v_12w1, v_12w2, v_12w3;
  const bool in8_ = (u64)(x6_) < (u64)n_0;
  v_12w0 = ld_global_4_if(p7_, in8_);
  const bool in9_ = (u64)(x6_ + 256) < (u64)n_0;
  v_12w1 = ld_global_4_if(p7_ + 1024, in9_);
  const bool in10_ = (u64)(x6_ + 512) < (u64)n_0;
  v_12w2 = ld_global_4_if(p7_ + 2048, in10_);
  const bool in11_ = (u64)(x6_ + 768) < (u64)n_0;
  v_12w3 = ld_global_4_if(p7_ + 3072, in11_);
  u32 v_13w0, v_13w1, v_13w2, v_13w3;
  u32 t12_; add_f32_to(t12_, v_10w0, v_12w0);
  v_13w0 = t12_;
  u32 t13_; add_f32_to(t13_, v_10w1, v_12w1);
  v_13w1 = t13_;
  u32 t14_; add_f32_to(t14_, v_10w2, v_12w2);
  v_13w2 = t14_;
  u32 t15_; add_f32_to(t15_, v_10w3, v_12w3);
  v_13w3 = t15_;
  const s64 x16_ = (s64)v_7 + (s64)tid;
  const u64 p17_ = (u64)c_3 + (u64)(x16_) * 4;
  const bool in18_ = (u64)(x16_) < (u64)n_0;
  st_global_4_if(p17_, v_13w0, in18_);
  const bool in19_ = (u64)(x16_ + 256) < (u64)n_0;
  st_global_4_if(p17_ + 1024, v_13w1, in19_);
  const bool in20_ = (u64)(x16_ + 512) < (u64)n_0;
  st_global_4_if(p17_ + 2048, v_13w2, in20_);
  const bool in21_ = (u64)(x16_ + 768) < (u64)n_0;
  st_global_4_if(p17_ + 3072, v_13w3, in21_);
}
