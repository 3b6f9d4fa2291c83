import{a,b,c}from"./chunk-G336ERWI.js";import"./chunk-VMEAZ3MX.js";import"./chunk-KDPNKDUP.js";export{b as more,a as sheet,c as why};
