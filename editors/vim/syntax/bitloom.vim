" Vim syntax of Bitloom (.bl). Generated from vm/isa_docs: change it there.
if exists("b:current_syntax")
  finish
endif

syntax keyword blFunction abs all any argmax argmin arrive assume atomic_add atomic_and atomic_max atomic_min atomic_or atomic_xor bits block broadcast bytes cast ceil ceildiv clip cluster_sync clz column_local column_spatial compact concat convert copy_async copy_bulk copy_commit copy_tensor copy_wait cos_approx dot dot_async dot_commit dot_wait dp4a exp2_approx exp_approx expand expect extent fence fetch_add fetch_and fetch_exchange fetch_max fetch_min fetch_or fetch_xor floor fma full gather grid_launch grid_wait has inside iota is_float is_integer is_signed load load_acquire local log2 log2_approx log_approx lop3 map_shared max max_value min min_value mul_high named_arrive named_sync permute popcount prefetch prmt prod rcp_approx repeat replicated reshape rotl round rsqrt_approx scan scatter schedule_fence select sin_approx sparse_dot spatial sqrt store store_bulk store_commit store_release store_tensor store_wait sum sync sync_warp tanh_approx target top_k transpose trunc view wait zeros
syntax keyword blModifier as bool cluster count explicit grid int layout load min_blocks optional pad registers resident role step swizzle threads type unroll
syntax keyword blKeyword assert barrier break const continue else false fn for global if import in inf kernel let nan packed pipeline print ref return roles shared true var warps where while
syntax keyword blConstant false inf nan true
syntax match blType /\v<([ui][1-8]|[ui]16|[ui]32|[ui]64|f16|bf16|tf32|f32|f64|e[1-5]m[0-6]|e8m0|codebook)>/
syntax match blNumber /\v<(0x[0-9A-Fa-f_]+|0b[01_]+|\d[0-9_]*(\.\d+)?([eE][-+]?\d+)?)>/
syntax region blString start=/"/ skip=/\\./ end=/"/ oneline
syntax match blComment /\/\/.*$/
syntax match blOperator /<-\|->\|+:\|\.\./

highlight default link blKeyword Keyword
highlight default link blModifier StorageClass
highlight default link blFunction Function
highlight default link blType Type
highlight default link blConstant Constant
highlight default link blNumber Number
highlight default link blString String
highlight default link blComment Comment
highlight default link blOperator Operator

let b:current_syntax = "bitloom"
