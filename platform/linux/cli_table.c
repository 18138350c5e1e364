/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the table that a person reads, made from a report's JSON. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "platform/linux/cli.h"

#define CELL_LEN 160

struct column {
    const char *name; /* of the first row that has it; borrowed from the document */
    int width;
    bool is_number;
};

static const char *cell_text(const json_t *value, char text[CELL_LEN])
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        snprintf(text, CELL_LEN, "%s", json_string_value(value));
        break;
    case JSON_INTEGER:
        snprintf(text, CELL_LEN, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        snprintf(text, CELL_LEN, "%.3f", json_real_value(value));
        break;
    case JSON_TRUE:
        return "yes";
    case JSON_FALSE:
        return "no";
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_NULL:
        return "-";
    }
    return text;
}

/* Characters and not bytes of UTF-8. */
static int text_width(const char *text)
{
    int width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_cell(FILE *out, const char *text, int width, bool to_the_right)
{
    int pad = width - text_width(text);

    pad = pad > 0 ? pad : 0;
    if (to_the_right)
        fprintf(out, "%*s%s", pad, "", text);
    else
        fprintf(out, "%s%*s", text, pad, "");
}

/* One field a line. */
static void print_row(json_t *row, FILE *out)
{
    char text[CELL_LEN];
    const char *name;
    json_t *value;
    int width = 0;

    json_object_foreach(row, name, value)
    {
        if (text_width(name) > width)
            width = text_width(name);
    }
    json_object_foreach(row, name, value)
    {
        print_cell(out, name, width + 2, false);
        fprintf(out, "%s\n", cell_text(value, text));
    }
}

static struct column *find_column(struct column *columns, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(columns[i].name, name) == 0)
            return &columns[i];
    }
    return NULL;
}

/* All fields of all rows with their widths; NULL without memory. */
static struct column *measure(json_t *rows, size_t *count)
{
    struct column *columns = NULL;
    char text[CELL_LEN];
    const char *name;
    json_t *row, *value;
    size_t index;

    *count = 0;
    json_array_foreach(rows, index, row)
    {
        json_object_foreach(row, name, value)
        {
            struct column *column = find_column(columns, *count, name);
            int width = text_width(cell_text(value, text));

            if (column == NULL) {
                struct column *more = realloc(columns, (*count + 1) * sizeof(*columns));

                if (more == NULL) {
                    free(columns);
                    return NULL;
                }
                columns = more;
                column = &columns[(*count)++];
                *column = (struct column){.name = name, .width = text_width(name), .is_number = true};
            }
            column->width = width > column->width ? width : column->width;
            column->is_number = column->is_number && (json_is_number(value) || json_is_null(value));
        }
    }
    return columns;
}

/* The last column of text needs no blanks behind it. */
static void print_in_column(FILE *out, const char *text, const struct column *column, bool is_last)
{
    print_cell(out, text, is_last && !column->is_number ? 0 : column->width, column->is_number);
    fputs(is_last ? "\n" : "  ", out);
}

static bool print_rows(json_t *rows, FILE *out)
{
    size_t count, index;
    struct column *columns = measure(rows, &count);
    char text[CELL_LEN];
    json_t *row;

    if (columns == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        print_in_column(out, columns[i].name, &columns[i], i + 1 == count);
    json_array_foreach(rows, index, row)
    {
        for (size_t i = 0; i < count; i++) {
            const json_t *value = json_object_get(row, columns[i].name);

            print_in_column(out, value == NULL ? "-" : cell_text(value, text), &columns[i], i + 1 == count);
        }
    }
    free(columns);
    return true;
}

bool hm_cli_print_table(const char *json, FILE *out)
{
    json_error_t fault;
    json_t *document = json_loads(json, 0, &fault);
    json_t *rows = json_object_get(document, "rows");
    const char *error = json_string_value(json_object_get(document, "error"));
    const char *report = json_string_value(json_object_get(document, "report"));
    bool good = true;

    if (!json_is_array(rows) || report == NULL) {
        fprintf(stderr, "%s\n", error != NULL ? error : "what the agent sent is no report");
        good = false;
    } else if (json_array_size(rows) == 0) {
        fprintf(out, "no %s\n", report);
    } else if (strcmp(report, "status") == 0 || strcmp(report, "counters") == 0) {
        print_row(json_array_get(rows, 0), out);
    } else {
        good = print_rows(rows, out);
    }
    json_decref(document);
    return good;
}
