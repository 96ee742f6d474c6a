/* printk: it knows %s, %c and %u, and writes to a ring. */
#include "demo.h"

static char conring[4096];
static unsigned int conring_producer;

static APART void put_char(char c)
{
    conring[conring_producer++ % sizeof(conring)] = c;
}

static APART void put_string(const char *text)
{
    while (*text)
        put_char(*text++);
}

static APART void put_number(unsigned int value)
{
    if (value > 9)
        put_number(value / 10);
    put_char((char)('0' + value % 10));
}

void printk(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    for (; *format; format++) {
        if (*format != '%') {
            put_char(*format);
            continue;
        }
        format++;
        if (*format == 's')
            put_string(va_arg(args, const char *));
        else if (*format == 'c')
            put_char((char)va_arg(args, int));
        else if (*format == 'u')
            put_number(va_arg(args, unsigned int));
        else
            break;
    }
    va_end(args);
}
