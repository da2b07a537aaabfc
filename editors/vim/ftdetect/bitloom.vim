autocmd BufRead,BufNewFile *.bl setfiletype bitloom
